# SPDX-License-Identifier: Apache-2.0
"""Plays the scenes in one simulated organisation and keeps what came of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.finding.model import Target
from functions.incident.model import Incident
from functions.release.release import ReleaseError
from hub.demo.scenes import API, LATENCY_MS, Scene, world
from hub.simulation.deployment import Deployment, Handed
from hub.simulation.run import Ended, Request

World = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Played:
    """A scene that is over: how each delivery ended, the incidents after it, and the world around it."""

    scene: Scene
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
class Play:
    """The demonstration under way, in an open deployment."""

    deployment: Deployment
    request: Request
    before: dict[str, Any]
    played: list[Played] = field(default_factory=list)
    released: dict[str, Any] | None = None
    refused: str = ""

    def scene(self, scene: Scene) -> Played:
        """Play one scene."""
        simulation = self.deployment.simulation
        before = self.played[-1].after if self.played else self.before
        handed = [
            each
            for handover in scene.handovers
            for each in self.deployment.deliver(handover.events(), parallel=handover.copies)
        ]
        played = Played(scene, handed, self.deployment.incidents(), before, simulation.world())
        self.played.append(played)
        return played

    def release(self) -> Incident | None:
        """Put the first host back; None where there is nothing to release, and ``refused`` says why."""
        incidents = self.played[0].of(API)
        try:
            incident = self.deployment.release(incidents[0].id, by="cordon demo") if incidents else None
        except ReleaseError as error:
            incident, self.refused = None, str(error)
        self.released = self.deployment.simulation.world()
        return incident

    def ended(self) -> Ended:
        """Return the whole as a run, for the document of the contract."""
        return Ended(
            request=self.request,
            handed=[each for played in self.played for each in played.handed],
            incidents=self.deployment.incidents(),
            calls=self.deployment.simulation.calls,
            world_before=self.before,
            world=dict(self.played[-1].after),
            world_released=self.released,
        )


def request_for(bundle: bytes) -> Request:
    """Return what to simulate, with the policy given."""
    return Request(events=(), bundle=bundle, world=world(), latency_ms=LATENCY_MS)


def begin(deployment: Deployment, request: Request) -> Play:
    """Warm the functions up and look at the world before anything happens."""
    deployment.warm_up()
    return Play(deployment, request, deployment.simulation.world())
