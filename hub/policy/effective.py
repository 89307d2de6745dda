# SPDX-License-Identifier: Apache-2.0
"""From merged layers to the policy in one place, as nodes of a bundle.

A place is where an account can be: below the organisation's file, some OUs' files, perhaps a file of its own.
``strict`` places are where accounts are, and everything odd there is an error. In the others (an account's file, if the
account were moved) modes are clamped into the bounds, and rules that do not exist there are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from functions.finding.model import Label
from functions.policy.model import Mode
from hub.policy.bounds import Bound, clamped, contradictions, floor_for_exception, outside
from hub.policy.contradictions import EVERYTHING, Given, contradictions_of_steps
from hub.policy.errors import BUILT_IN, Located, located, suggestion
from hub.policy.tree import Branch, Leaf, merge
from hub.policy.words import moment, seconds

_LIMITS = {
    "containments_per_account_hour": "per_account_hour",
    "containments_per_scaling_group_hour": "per_scaling_group_hour",
    "containments_per_attack_sequence": "per_attack_sequence",
    "scaling_group_share": "scaling_group_share",
}

_SINGLE = ("eks_nodes", "appliances", "last_healthy_target", "after_release")
"""Modes for some hosts, whatever their rule."""

Node = dict[str, Any]


@dataclass(slots=True)
class Effective:
    """What is in force in one place: three kinds of nodes, and what is wrong."""

    rules: list[Node] = field(default_factory=list)
    exceptions: list[Node] = field(default_factory=list)
    policy: Node = field(default_factory=dict)
    errors: list[Located] = field(default_factory=list)


def effective(merged: Branch, bounds: Sequence[Bound], given: Given = EVERYTHING, *, strict: bool) -> Effective:
    """Work out what is in force under merged layers and all their bounds, in a deployment that gives so much."""
    found = Effective()
    if strict:
        found.errors += contradictions(bounds)
    rules = merged.branch("rules")
    whole = {rule: branch for rule, branch in rules.branches() if branch.leaf("match", "types") is not None}
    for rule, branch in rules.branches():
        if rule in whole:
            found.rules.append(_rule(found, merged, rule, branch, bounds, given, strict=strict))
        elif strict:
            message = "no layer says which types it matches (match.types)"
            found.errors.append(located(branch.place, ("rules", rule), message, suggestion(rule, whole)))
    for exception, branch in merged.branch("exceptions").branches():
        node = _exception(found, exception, branch, whole, bounds, strict=strict)
        if node is not None:
            found.exceptions.append(node)
    found.policy = _policy(merged)
    return found


def _rule(
    found: Effective, merged: Branch, rule: str, branch: Branch, bounds: Sequence[Bound], given: Given, *, strict: bool
) -> Node:
    path: tuple[str, ...] = ("rules", rule, "mode")
    mode = branch.leaf("mode")
    if mode is None:
        path = ("mode",)
        mode = _leaf(merged, "mode")
    if strict:
        found.errors += outside(mode, path, rule, bounds)
    mode = clamped(mode, rule, bounds)
    match = branch.branch("match")
    steps = merge(merged.branch("steps"), branch.branch("steps"))
    if strict:
        found.errors += contradictions_of_steps(steps, rule, branch, given)
    on = {name: options for name, options in steps.branches() if _value(options, "enabled", default=True)}
    return {
        "kind": "rule",
        "id": rule,
        "types": list(dict.fromkeys(_leaf(match, "types").value)),
        "severity": _value(match, "severity", default=Label.INFORMATIONAL.value),
        "where": _value(match, "where", default=None),
        "mode": mode.value,
        "steps": {name: _without(options.plain(), "enabled") for name, options in on.items()},
        "origins": {
            "id": branch.place.origin,
            "mode": mode.place.origin,
            "types": _from(match, "types"),
            "severity": _from(match, "severity"),
            "where": _from(match, "where"),
            **{".".join(("steps", *where)): leaf.place.origin for where, leaf in steps.leaves()},
        },
    }


def _exception(
    found: Effective, name: str, branch: Branch, rules: Iterable[str], bounds: Sequence[Bound], *, strict: bool
) -> Node | None:
    path = ("exceptions", name)
    lacking = [key for key in ("reason", "until") if branch.leaf(key) is None]
    for key in lacking:
        found.errors.append(located(branch.place, path, f"needs a {key!r}: an exception needs a reason and an end"))
    if lacking:
        return None
    named: list[str] = _value(branch, "rules", default=[])
    if strict:
        for rule in (each for each in named if each not in set(rules)):
            message = f"there is no rule {rule!r} here"
            found.errors.append(
                located(_leaf(branch, "rules").place, (*path, "rules"), message, suggestion(rule, rules))
            )
    mode = branch.leaf("mode") or Leaf(Mode.OBSERVE.value, branch.place, branch.depth)
    floor = floor_for_exception(mode.depth, named, bounds)
    if floor is not None and floor.is_broken_by(Mode(mode.value)):
        if strict:
            found.errors.append(located(mode.place, (*path, "mode"), f"{mode.value!r} is below {floor.words}"))
        mode = replace(mode, value=floor.mode.value, place=floor.leaf.place)
    criteria = {
        key: _value(branch, key, default=None) for key in ("account", "instance", "image", "scaling_group", "where")
    }
    tags = branch.branch("tags")
    return {
        "kind": "exception",
        "id": name,
        "mode": mode.value,
        "reason": _leaf(branch, "reason").value,
        "until": moment(_leaf(branch, "until").value).isoformat(),
        "rules": named,
        **criteria,
        "tags": tags.plain(),
        "origins": {
            "id": branch.place.origin,
            "mode": mode.place.origin,
            **{key: _from(branch, key) for key in ("reason", "until", "rules", *criteria)},
            **{f"tags.{key}": leaf.place.origin for (key,), leaf in tags.leaves()},
        },
    }


def _policy(merged: Branch) -> Node:
    limits = {ours: _leaf(merged, "limits", theirs) for theirs, ours in _LIMITS.items()}
    single = {key: _leaf(merged, key) for key in ("max_age", *_SINGLE)}
    return {
        "kind": "policy",
        "limits": {key: leaf.value for key, leaf in limits.items()},
        "max_age_seconds": seconds(single["max_age"].value),
        **{key: single[key].value for key in _SINGLE},
        "origins": {
            **{f"limits.{key}": leaf.place.origin for key, leaf in limits.items()},
            "max_age_seconds": single["max_age"].place.origin,
            **{key: single[key].place.origin for key in _SINGLE},
        },
    }


def _leaf(branch: Branch, *path: str) -> Leaf:
    found = branch.leaf(*path)
    if found is None:
        raise LookupError(f"the built-in layer lacks {'.'.join(path)}")
    return found


def _value(branch: Branch, key: str, *, default: Any) -> Any:
    found = branch.leaf(key)
    return default if found is None else found.value


def _from(branch: Branch, key: str) -> str:
    found = branch.leaf(key)
    return BUILT_IN if found is None else found.place.origin


def _without(options: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != key}
