# SPDX-License-Identifier: Apache-2.0
"""What would Cordon do with these events? One run, and its document as ``cordon simulate --json`` prints it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.incident.model import Incident, State
from functions.intake.result import Outcome
from functions.release.release import ReleaseError
from hub.simulation.deployment import Deployment, Handed
from hub.simulation.events import SourceEvent
from hub.simulation.faults import Fault
from hub.simulation.round_trips import FEWEST_MS, round_trips_to_isolated
from hub.simulation.simulation import Simulation
from hub.simulation.world_spec import WorldSpec

SCHEMA = 1
_RELEASABLE = {State.CONTAINED, State.PARTIAL, State.FAILED, State.RELEASING}


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """What to simulate. ``now`` None starts at the present moment."""

    events: Sequence[SourceEvent]
    bundle: bytes
    world: WorldSpec
    now: datetime | None = None
    seed: int = 0
    latency_ms: int = 0
    deliveries: int = 1
    parallel: int = 1
    faults: tuple[Fault, ...] = ()
    then_release: bool = False


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """A run that is over. ``world_released`` is None where no release was asked for."""

    request: SimulationRequest
    handed: Sequence[Handed]
    incidents: Sequence[Incident]
    calls: list[dict[str, Any]]
    world_before: dict[str, Any]
    world: dict[str, Any]
    world_released: dict[str, Any] | None
    refused_releases: tuple[str, ...] = ()

    @property
    def dead_lettered(self) -> bool:
        """Whether a message was given up by the queue."""
        return any(each.result is None for each in self.handed)

    def document(self) -> dict[str, Any]:
        """Return the document of the contract, plain data."""
        return {
            "schema": SCHEMA,
            "events": [_event(each) for each in self.handed],
            "incidents": [self._incident(each) for each in self.incidents],
            "calls": self.calls,
            "world_before": self.world_before,
            "world": self.world,
            "world_released": self.world_released,
        }

    def round_trips(self, incident: Incident) -> int | None:
        """Return ``round_trips_to_isolated`` of an incident, or None where it is not to be had."""
        if self.request.latency_ms < FEWEST_MS or self.request.parallel > 1:
            return None
        return round_trips_to_isolated(self.calls, incident.id, _quarantine_groups(incident))

    def _incident(self, incident: Incident) -> dict[str, Any]:
        return {
            "id": incident.id,
            "account": incident.target.account,
            "region": incident.target.region,
            "instance": incident.target.instance,
            "state": incident.state.value,
            "mode": incident.mode.value,
            "rule": incident.rule,
            "origin": incident.origin,
            "bundle": incident.bundle,
            "reason": incident.reason,
            "findings": list(incident.findings),
            "plan": [call.to_json() for call in incident.plan],
            "steps": [
                {"name": step.name, "outcome": step.outcome.value, "reason": step.reason, "error": step.error}
                for step in incident.steps
            ],
            "residual_risk": list(incident.residual_risk),
            "time_to_contain_ms": time_to_contain_ms(incident),
            "round_trips_to_isolated": self.round_trips(incident),
            "release": [
                {
                    "step": item.step,
                    "what": item.what,
                    "restored": item.restored,
                    "reason": item.reason,
                    "command": item.command,
                }
                for item in incident.release
            ],
        }


def run(request: SimulationRequest) -> SimulationResult:
    """Simulate the events and return how it ended. Raises WorldError, PolicyErrors or SimulationError beforehand.

    Example::

        events = load(["hub/demo/findings/command-and-control.json"])
        world = WorldSpec.from_targets(targets_named(events)[0], "/Workloads/Prod")
        run(SimulationRequest(events, compile_config(Path("config")).data, world, seed=1)).document()
    """
    with deployed(request) as deployment:
        simulation = deployment.simulation
        deployment.warm_up(request.parallel)
        before = simulation.world()
        handed = deployment.deliver(request.events, deliveries=request.deliveries, parallel=request.parallel)
        incidents, world = deployment.incidents(), simulation.world()
        released, refused = None, []
        if request.then_release:
            for incident in incidents:
                if incident.state in _RELEASABLE:
                    try:
                        deployment.release(incident.id)
                    except ReleaseError as error:
                        refused.append(str(error))
            incidents, released = deployment.incidents(), simulation.world()
        return SimulationResult(request, handed, incidents, simulation.calls, before, world, released, tuple(refused))


@contextmanager
def deployed(request: SimulationRequest) -> Iterator[Deployment]:
    """Give the deployment of a request, in a simulation that lasts as long as the block."""
    simulation = Simulation(
        request.world,
        now=request.now,
        seed=request.seed,
        shuffle=request.parallel > 1,
        latency_ms=request.latency_ms,
        faults=request.faults,
    )
    with simulation:
        deployment = Deployment(simulation, request.bundle)
        try:
            yield deployment
        finally:
            deployment.close()


def time_to_contain_ms(incident: Incident) -> int | None:
    """Return Cordon's own time from receiving the event to the verified isolation, in milliseconds."""
    received, isolated = incident.clocks.get("received"), incident.clocks.get("isolated")
    if received is None or isolated is None:
        return None
    return round((isolated - received).total_seconds() * 1000)


def _event(handed: Handed) -> dict[str, Any]:
    delivered, result = handed.delivered, handed.result
    return {
        "file": delivered.event.file,
        "index": delivered.event.index,
        "delivery": delivered.number,
        "outcome": (result.outcome if result else Outcome.DEAD_LETTERED).value,
        "reason": result.reason if result else f"given up after {delivered.receives} receives: {handed.failure}",
        "receives": delivered.receives,
        "targets": [
            {
                "account": each.target.account,
                "region": each.target.region,
                "instance": each.target.instance,
                "outcome": each.outcome.value,
                "reason": each.reason,
                "incident": each.incident,
            }
            for each in (result.targets if result else ())
        ],
    }


def _quarantine_groups(incident: Incident) -> Iterable[str]:
    return {str(step.receipt["group"]) for step in incident.steps if step.receipt.get("group")}
