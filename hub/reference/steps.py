# SPDX-License-Identifier: Apache-2.0
"""The generated parts of docs/reference/steps.md: tables and permissions, from the steps' records and measured calls.

``python -m hub.reference.steps`` writes them between the markers of the page. The rest of the page is prose that people
write. ``tests/reference`` checks that it names every step, option and word of residual risk.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from functions.steps import registry
from functions.steps.registry import contain_actions, identity_actions, release_actions
from functions.steps.step import AnyStep
from hub.policy.layers import built_in
from hub.policy.options import Steps
from hub.reference import calls
from hub.reference.rows import ROWS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "steps.md"
PLAIN = "a plain containment"
_WIDTH = 120


class MarkerError(Exception):
    """The page has no place, or more than one, for a part that is generated."""


@dataclass(frozen=True, slots=True)
class Switch:
    """The options of its step that switch an option on, and those that switch it off if it is on without any."""

    on: Mapping[str, Any]
    off: Mapping[str, Any] | None = None


SWITCHES: Mapping[str, Switch] = {
    "targets": Switch(on={"targets": "deregister"}, off={"targets": "keep"}),
    "idle_timeout": Switch(on={"idle_timeout": True}),
    "network_acl": Switch(on={"network_acl": True}),
    "public_address": Switch(on={"public_address": "disassociate"}),
    "users": Switch(on={}),
    "sessions": Switch(on={"inline": True}),
    "instance_profile": Switch(on={"instance_profile": "swap"}),
}
"""Steps that are options of another step, by name: a record can say whether options switch it on, not which do."""


def filled(page: str, figures: Mapping[str, Any]) -> str:
    """Return the page with each generated part between its markers; raise MarkerError where a marker is missing."""
    for name, part in parts(figures):
        page, places = re.subn(
            rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->\n)",
            lambda found, part=part: found[1] + part + found[2],  # type: ignore[misc]
            page,
            flags=re.DOTALL,
        )
        if places != 1:
            raise MarkerError(f"{PAGE.name} has {places} places for the part {name!r}, not one")
    return page


def parts(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each generated part by the name of its markers."""
    heads = ("step", "switched on", "waits for", "a release", "asks people")
    yield "overview", _table(heads, map(_overview, registry.STEPS))
    for step in registry.STEPS:
        yield step.name, _permissions(step)
    yield "calls", _table(_CALL_COLUMNS, _call_rows(figures))
    yield "roles", _table(("role", "actions"), _role_rows())


def step_options() -> dict[str, tuple[str, ...]]:
    """Return the options that policy knows, by step; without ``enabled``, which every step takes."""
    shapes = {name: get_args(hint)[0] for name, hint in get_type_hints(Steps).items()}
    return {
        name: tuple(option.name for option in fields(shape) if option.name != "enabled")
        for name, shape in shapes.items()
    }


def _overview(step: AnyStep) -> tuple[str, ...]:
    undone = step.release_permissions or step.identity_grants
    return (
        f"[{step.name}](#{step.name})",
        _switched_on(step),
        ", ".join(step.after) or "-",
        "undoes it" if undone else "leaves it: evidence",
        "yes" if step.approval_check is not None else "-",
    )


def _permissions(step: AnyStep) -> str:
    permissions = {"contain": step.permissions, "release": step.release_permissions}
    if step.identity_grants:
        permissions["use the opt-in role"] = tuple({grant.action for grant in step.identity_grants})
    return "\n".join(
        _wrapped(f"Permissions to {what}: {_listed(sorted(names))}.") for what, names in permissions.items()
    )


def _switched_on(step: AnyStep) -> str:
    if step.within:
        switch = SWITCHES[step.name]
        if not step.on({}):
            return f"by `{_written(switch.on)}` of {step.within}"
        return f"with {step.within}" + (f", unless `{_written(switch.off)}`" if switch.off else "")
    if step.name in built_in().data["steps"]:
        return "unless policy switches it off"
    return f"by policy that names it (`{step.name}: {{}}`)"


_CALL_COLUMNS = ("what", "calls to contain", "which", "calls to release", "which", "round trips")


def _call_rows(figures: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    hosts = {row.name: row.host for row in ROWS}
    for name, each in figures.items():
        where = hosts.get(name, "a host")
        yield (
            name if where == "a host" else f"{name} ({where})",
            _number(each["contain"], name),
            _counted(each["contain"]),
            _number(each["release"], name),
            _counted(each["release"]),
            str(each["round_trips"]),
        )


def _number(counted: Mapping[str, int], name: str) -> str:
    number = sum(counted.values())
    return str(number) if name == PLAIN else f"{number:+d}"


def _counted(counted: Mapping[str, int]) -> str:
    return ", ".join(f"`{call}`" if number == 1 else f"{number} `{call}`" for call, number in counted.items()) or "none"


def _role_rows() -> Iterable[tuple[str, str]]:
    roles = {"contain": contain_actions(changing=True), "release": release_actions(), "identity": identity_actions()}
    for role, actions in roles.items():
        if actions:
            yield role, " ".join(f"`{action}`" for action in sorted(actions))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _written(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {str(value).lower()}" for name, value in options.items())


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = tuple(heads)
    lines = [columns, tuple("---" for _ in columns), *(tuple(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main() -> None:
    """Write the generated parts anew, with the figures of the last measurement."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), calls.read()), encoding="utf-8")


if __name__ == "__main__":
    main()
