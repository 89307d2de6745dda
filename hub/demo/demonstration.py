# SPDX-License-Identifier: Apache-2.0
"""Runs the scenarios in one simulated organisation and keeps the results of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.finding.model import Target
from functions.incident.model import Incident
from functions.release.release import ReleaseError
from hub.demo.scenarios import API, LATENCY_MS, DemoScenario, world
from hub.simulation.deployment import Deployment, Handed
from hub.simulation.run import SimulationRequest, SimulationResult

World = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """A scenario that is over: how each delivery ended, the incidents after it, and the world around it."""

    scenario: DemoScenario
    handed: Sequence[Handed]
    incidents: Sequence[Incident]
    before: World
    after: World

    @property
    def outcomes(self) -> list[str]:
        """How the deliveries ended, in words."""
        return [each.result.outcome.value if each.result else "dead-lettered" for each in self.handed]

    def of(self, host: Target) -> list[Incident]:
        """Return the incidents of a host."""
        return [incident for incident in self.incidents if incident.target == host]


@dataclass(slots=True)
class Demonstration:
    """The demonstration under way, in an open deployment."""

    deployment: Deployment
    request: SimulationRequest
    before: dict[str, Any]
    results: list[ScenarioResult] = field(default_factory=list)
    released: dict[str, Any] | None = None
    refused: str = ""

    def scenario(self, scenario: DemoScenario) -> ScenarioResult:
        """Run one scenario."""
        simulation = self.deployment.simulation
        before = self.results[-1].after if self.results else self.before
        handed = [
            each
            for handover in scenario.handovers
            for each in self.deployment.deliver(handover.events(), parallel=handover.copies)
        ]
        result = ScenarioResult(scenario, handed, self.deployment.incidents(), before, simulation.world())
        self.results.append(result)
        return result

    def release(self) -> Incident | None:
        """Release the first host; None where there is nothing to release, and ``refused`` says why."""
        incidents = self.results[0].of(API)
        try:
            incident = self.deployment.release(incidents[0].id, by="cordon demo") if incidents else None
        except ReleaseError as error:
            incident, self.refused = None, str(error)
        self.released = self.deployment.simulation.world()
        return incident

    def ended(self) -> SimulationResult:
        """Return the whole as a run, for the document of the contract."""
        return SimulationResult(
            request=self.request,
            handed=[each for result in self.results for each in result.handed],
            incidents=self.deployment.incidents(),
            calls=self.deployment.simulation.calls,
            world_before=self.before,
            world=dict(self.results[-1].after),
            world_released=self.released,
        )


def request_for(bundle: bytes) -> SimulationRequest:
    """Return what to simulate, with the policy given."""
    return SimulationRequest(events=(), bundle=bundle, world=world(), latency_ms=LATENCY_MS)


def begin(deployment: Deployment, request: SimulationRequest) -> Demonstration:
    """Warm the functions up and look at the world before anything happens."""
    deployment.warm_up()
    return Demonstration(deployment, request, deployment.simulation.world())
