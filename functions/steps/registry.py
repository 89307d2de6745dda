# SPDX-License-Identifier: Apache-2.0
"""Every step there is, in the order in which they are told. The engine knows steps from here alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from functions.grants import Grant, reading
from functions.incident.evidence import Evidence
from functions.incident.model import AnyResult
from functions.steps import host
from functions.steps.evidence import capture, protect, snapshot, tags
from functions.steps.iam import instance_profile, role_denial, sessions, users
from functions.steps.network import idle_timeout, isolate, network_acl, public_address
from functions.steps.risk import Risk
from functions.steps.step import AnyStep
from functions.steps.traffic import scaling, targets

STEPS: tuple[AnyStep, ...] = (
    scaling.STEP,
    targets.STEP,
    isolate.STEP,
    idle_timeout.STEP,
    network_acl.STEP,
    public_address.STEP,
    protect.STEP,
    snapshot.STEP,
    tags.STEP,
    capture.STEP,
    role_denial.STEP,
    users.STEP,
    sessions.STEP,
    instance_profile.STEP,
)

OBSERVING = frozenset(host.PERMISSIONS)
"""What describing the host needs, whatever the steps."""

DESCRIBING = "the host"
"""Stands for a step's name where describing the host is what needs a grant."""


@dataclass(frozen=True, slots=True)
class Needed:
    """A grant with the names of the steps that need it."""

    grant: Grant
    steps: tuple[str, ...]


def risks() -> tuple[Risk, ...]:
    """Return every residual risk, in the order in which they are listed: the host itself before its surroundings."""
    return tuple(dict.fromkeys(risk for step in released_in_order() for risk in step.risks))


def services() -> tuple[str, ...]:
    """Return every service whose clients the steps use, by its boto3 name."""
    return tuple(dict.fromkeys(service for step in STEPS for service in step.services))


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
    return _collected([(DESCRIBING, host.GRANTS), *((step.name, step.grants) for step in STEPS)])


def release_grants() -> tuple[Needed, ...]:
    """Return what the release role may do, each grant once."""
    return _collected([(DESCRIBING, host.GRANTS), *((step.name, step.release_grants) for step in STEPS)])


def identity_grants() -> tuple[Needed, ...]:
    """Return what the opt-in role may do, each grant once."""
    return _collected((step.name, step.identity_grants) for step in STEPS)


def released_in_order() -> tuple[AnyStep, ...]:
    """Return the steps as a release goes through them: what brings the host back into service comes last."""
    return tuple(sorted(STEPS, key=lambda step: step.returns_to_service))


def evidence_of(results: Mapping[str, AnyResult]) -> tuple[Evidence, ...]:
    """Return what each step kept, by its result of that name."""
    return tuple(step.evidence(results[step.name]) for step in STEPS if step.evidence and step.name in results)


def _collected(needing: Iterable[tuple[str, Iterable[Grant]]]) -> tuple[Needed, ...]:
    """Return each grant once, with the names of what needs it, each once: two options may be of one name."""
    found: dict[int, Needed] = {}
    for name, grants in needing:
        for grant in grants:
            number = next((number for number, each in found.items() if each.grant == grant), len(found))
            steps = found[number].steps if number in found else ()
            found[number] = Needed(grant, tuple(dict.fromkeys((*steps, name))))
    return tuple(found.values())
