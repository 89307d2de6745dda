# SPDX-License-Identifier: Apache-2.0
"""docs/reference/steps.md, rendered from the steps' records, the texts beside them, and the measured calls.

``python -m hub.reference.steps`` writes it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from functions.steps import host
from functions.steps.registry import STEPS, contain_actions, identity_actions, release_actions
from functions.steps.step import AnyStep
from hub.policy.layers import built_in
from hub.policy.options import Steps
from hub.reference import calls
from hub.reference.rows import ROWS
from hub.reference.texts import OPTION_TEXTS, STEP_TEXTS, StepText

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "steps.md"
PLAIN = "a plain containment"
_WIDTH = 120

_HEAD = """\
# Steps

A step is one module with one record: what it observes, plans, applies, verifies and reverts, and the permissions for \
it. This page is made from the records, from texts beside them and from measured calls (`make reference`); \
`tests/reference` compares.

Once the baseline is written all steps run side by side, but for those that wait for another one. One that fails \
stops no other, and nobody waits for it longer than until it has failed. What takes knowing the host first is read \
beside the baseline and gets a section of its own before the step changes anything.

Before any step the host is described, which takes {describing}. A host that is gone is said to be gone. Where \
interfaces or volumes can't be read by themselves, what the instance tells must do.

Every step takes `enabled: false` in policy. [config/README.md](../../config/README.md) has every option with its \
price, [permissions](permissions.md) has every grant with what narrows it.
"""

_CALLS = """\
Measured in the simulation, for one host with one interface and one volume, warm, where the VPC's quarantine group is \
there already. The first row is a containment by isolate, protect, snapshot and quarantine; each further row is what \
a step or option adds on the same host, by itself. Every HTTP attempt counts, those to the hub's own \
table, buckets and topic too. Round trips are those in sequence from the message to the last interface isolated.
"""

_ROLES = """\
The session of an incident in `observe` or `approve` gets the reading actions of the first list alone. On what each of \
these actions is allowed, what narrows it, and why it can't be narrower: [permissions](permissions.md).
"""


def render(figures: Mapping[str, Any]) -> str:
    """Return the page."""
    parts = [
        _wrapped(_HEAD.format(describing=_listed(host.PERMISSIONS))),
        _table(("step", "switched on", "waits for", "a release", "asks people"), map(_overview, STEPS)),
        *(_section(step) for step in STEPS),
        "## Calls\n",
        _wrapped(_CALLS),
        _table(_CALL_COLUMNS, _call_rows(figures)),
        "## The member roles\n",
        _wrapped(_ROLES),
        _table(("role", "actions"), _role_rows()),
    ]
    return "\n".join(parts)


def step_options() -> dict[str, tuple[str, ...]]:
    """Return the options that policy knows, by step; without ``enabled``, which every step takes."""
    shapes = {name: get_args(hint)[0] for name, hint in get_type_hints(Steps).items()}
    return {
        name: tuple(option.name for option in fields(shape) if option.name != "enabled")
        for name, shape in shapes.items()
    }


def _overview(step: AnyStep) -> tuple[str, ...]:
    text = STEP_TEXTS[step.name]
    return (
        f"[{step.name}](#{step.name})",
        _switched_on(step, text),
        ", ".join(step.after) or "-",
        "leaves it: evidence" if text.kept else "undoes it",
        "yes" if step.approval_check is not None else "-",
    )


def _section(step: AnyStep) -> str:
    text = STEP_TEXTS[step.name]
    bullets = {
        "Switched on": f"{_switched_on(step, text).capitalize()}.",
        "Waits for": ", ".join(step.after) + "." if step.after else "",
        "Asks people": text.asks,
        "Baseline": text.baseline,
        "Verify": text.verify,
        "Release": text.release,
        "Can't": text.cannot,
        "Leaves": _words(text.leaves),
        "Takes away": _words(text.takes_away),
    }
    told = "\n".join(_bullet(f"**{name}.** {words}") for name, words in bullets.items() if words)
    own = [(f"`{name}`", OPTION_TEXTS[step.name, name]) for name in step_options().get(step.name, ())]
    parts = [f"## {step.name}\n", _wrapped(text.what) + "\n", told + "\n"]
    if own:
        parts.append(_table(("option", "does"), own))
    permissions = {"contain": step.permissions, "release": step.release_permissions}
    if step.identity_grants:
        permissions["use the opt-in role"] = tuple({grant.action for grant in step.identity_grants})
    parts += [
        _wrapped(f"Permissions to {what}: {_listed(sorted(names))}.") + "\n" for what, names in permissions.items()
    ]
    return "\n".join(parts)


def _switched_on(step: AnyStep, text: StepText) -> str:
    if step.within and step.on({}):
        return f"with {step.within}" + (f", unless `{_told(text.off)}`" if text.off else "")
    if step.within:
        return f"by `{_told(text.on or {})}` of {step.within}"
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


def _words(words: Iterable[str]) -> str:
    told = ", ".join(f"`{word}`" for word in words)
    return f"{told}." if told else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _told(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {str(value).lower()}" for name, value in options.items())


def _bullet(text: str) -> str:
    return textwrap.fill(f"- {text}", _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _wrapped(text: str) -> str:
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        each if each.startswith("#") else textwrap.fill(each, _WIDTH, break_long_words=False, break_on_hyphens=False)
        for each in paragraphs
    ) + ("\n" if text.endswith("\n") else "")


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = tuple(heads)
    lines = [columns, tuple("---" for _ in columns), *(tuple(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main() -> None:
    """Write the page with the figures that were measured last."""
    PAGE.write_text(render(calls.read()), encoding="utf-8")


if __name__ == "__main__":
    main()
