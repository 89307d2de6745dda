# SPDX-License-Identifier: Apache-2.0
"""Every step there is, in the order in which they are told. The engine knows steps from here alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from functions.steps import host, isolate, protect, quarantine, snapshot
from functions.steps.grant import Grant
from functions.steps.step import Step

STEPS: tuple[Step, ...] = (isolate.STEP, protect.STEP, snapshot.STEP, quarantine.STEP)

_LAST = ("scaling", "targets")
"""Steps that a release comes to when network and identity are as they were."""

OBSERVING = frozenset(host.PERMISSIONS)
"""What describing the host needs, whatever the steps."""

DESCRIBING = "the host"
"""Stands for a step's name where describing the host is what needs a grant."""


_READING = ("Describe", "Get", "List")


def reading(action: str) -> bool:
    """Tell whether an action only reads, by its name (``ec2:DescribeInstances``)."""
    return action.partition(":")[2].startswith(_READING)


@dataclass(frozen=True, slots=True)
class Needed:
    """A grant with the names of the steps that need it."""

    grant: Grant
    steps: tuple[str, ...]


def contain_actions(*, changing: bool) -> frozenset[str]:
    """Return the actions that a containment needs, or, without ``changing``, those that only read."""
    actions = OBSERVING.union(*(step.permissions for step in STEPS))
    return actions if changing else frozenset(filter(reading, actions))


def identity_actions() -> frozenset[str]:
    """Return the actions that the opt-in options need."""
    return frozenset(grant.action for step in STEPS for grant in step.identity_grants)


def release_actions() -> frozenset[str]:
    """Return the actions that a release needs."""
    return OBSERVING.union(*(step.release_permissions for step in STEPS))


def contain_grants() -> tuple[Needed, ...]:
    """Return what the contain role may do, each grant once."""
    return _needed((step.name, step.grants) for step in STEPS)


def release_grants() -> tuple[Needed, ...]:
    """Return what the release role may do, each grant once."""
    return _needed((step.name, step.release_grants) for step in STEPS)


def released_in_order() -> tuple[Step, ...]:
    """Return the steps as a release goes through them: what brings the host back into service comes last."""
    return tuple(sorted(STEPS, key=lambda step: STEPS.index(step) if step.name not in _LAST else len(STEPS)))


def _needed(steps: Iterable[tuple[str, Iterable[Grant]]]) -> tuple[Needed, ...]:
    found: list[Needed] = []
    for name, grants in [(DESCRIBING, host.GRANTS), *steps]:
        for grant in grants:
            known = next((number for number, each in enumerate(found) if each.grant == grant), None)
            if known is None:
                found.append(Needed(grant, (name,)))
            else:
                found[known] = Needed(grant, (*found[known].steps, name))
    return tuple(found)
