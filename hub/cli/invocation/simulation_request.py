# SPDX-License-Identifier: Apache-2.0
"""From the arguments of the command line to the request of a simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hub.policy.compile import compile_config
from hub.policy.lock import Lock
from hub.simulation.errors import FaultError
from hub.simulation.events import SourceEvent, load, targets_named
from hub.simulation.faults import Fault, parse_fault
from hub.simulation.run import SimulationRequest
from hub.simulation.world_file import load_world
from hub.simulation.world_spec import DEFAULT_FORENSICS, DEFAULT_HUB, OrganizationSpec, WorldSpec


@dataclass(frozen=True, slots=True)
class SimulationArguments:
    """Names as given: files, and specifications that are still to be read."""

    files: Sequence[str]
    config: Path
    world: Path | None = None
    ou: str = "/"
    faults: Sequence[str] = ()


def simulation_request(wishes: SimulationArguments, **settings: Any) -> SimulationRequest:
    """Read everything that is named. Raises UsageError or PolicyErrors; nothing has run then."""
    faults = _faults(wishes.faults)
    events = load(wishes.files)
    compiled = compile_config(wishes.config)
    if wishes.world is None:
        spec = world_named(events, compiled.lock, wishes.ou)
    else:
        spec = load_world(wishes.world)
        if spec.organization == OrganizationSpec():
            # A world file need not name the organisation; the policy is for the one of the lock file alone.
            spec = replace(spec, organization=_organization(compiled.lock))
    return SimulationRequest(events, compiled.data, spec, faults=faults, **settings)


def world_named(events: Sequence[SourceEvent], lock: Lock, ou: str) -> WorldSpec:
    """Return a world with the accounts and instances that the events name, in the organisation of the lock file."""
    targets, accounts = targets_named(events)
    spec = replace(WorldSpec.from_targets(targets, ou), organization=_organization(lock))
    return spec.with_accounts(accounts, ou)


def _organization(lock: Lock) -> OrganizationSpec:
    """Return the organisation of the lock file; where that names no forensics account, one that is not the hub."""
    forensics = lock.forensics or next(each for each in (DEFAULT_FORENSICS, DEFAULT_HUB) if each != lock.hub)
    return OrganizationSpec(lock.organization, lock.hub, forensics)


def _faults(specifications: Sequence[str]) -> tuple[Fault, ...]:
    """Read every specification; raise FaultError with all that are wrong."""
    faults, problems = [], []
    for specification in specifications:
        try:
            faults.append(parse_fault(specification))
        except FaultError as error:
            problems += error.problems
    if problems:
        raise FaultError(problems)
    return tuple(faults)
