# SPDX-License-Identifier: Apache-2.0
"""A scenario for a test: a small organisation with the product deployed in it, and short ways to act and to look.

The account ``444455556666`` is the one that the shipped policy enforces in.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import botocore.loaders

from functions.aws.clients import Clients
from functions.finding.model import Target
from functions.incident.model import Incident
from functions.intake.result import EventResult
from functions.runtime import Runtime
from functions.services import Services
from hub.simulation.clock import SimulatedClock
from hub.simulation.deployment import Deployment, Handed
from hub.simulation.events import SourceEvent
from hub.simulation.faults import FaultPlan, parse_fault
from hub.simulation.simulation import Simulation
from hub.simulation.virtual_time import VirtualPool, VirtualTime
from hub.simulation.world_spec import AccountSpec, Instance, WorldSpec

ACCOUNT = "444455556666"
REGION = "eu-west-1"
INSTANCE = "i-0a1b2c3d4e5f60718"
TARGET = Target("aws", ACCOUNT, REGION, INSTANCE)
NOW = datetime(2026, 3, 2, 10, 28, tzinfo=UTC)
"""A minute after the findings of ``tests.finding.findings`` were updated."""

ACCOUNTS = {
    ACCOUNT: AccountSpec("payments-prod", "/Workloads/Prod"),
    "555566667777": AccountSpec("orders-prod", "/Workloads/Prod"),
    "666677778888": AccountSpec("orders-dev", "/Workloads/Dev"),
}


def instance(name: str = INSTANCE, **fields: Any) -> Instance:
    """Return an instance of the enforcing account."""
    return Instance(**{"id": name, "account": ACCOUNT, "region": REGION, **fields})


def runtime(seed: int = 0) -> Runtime:
    """Return a runtime in virtual time, for what needs no simulation."""
    time = VirtualTime()
    return Runtime(SimulatedClock(NOW, time), VirtualPool(time), Random(seed))


def event(finding: object, index: int = 0) -> SourceEvent:
    """Return the event of a bare finding, or of an envelope."""
    return SourceEvent.of("finding.json", index, finding)


@functools.cache
def _loader() -> Any:
    # Reading EC2's model takes longer than a whole containment: once is enough.
    return botocore.loaders.create_loader()


def _core(session: Any) -> Any:
    return session._session


@dataclass
class Scenario:
    """An open simulation with the product in it."""

    deployment: Deployment
    simulation: Simulation
    _other_clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def deliver(self, *findings: object, **how: int) -> list[EventResult]:
        """Hand findings over; fail if one of them was dead-lettered."""
        results = [each.result for each in self.hand_over(*findings, **how)]
        assert None not in results
        return [result for result in results if result is not None]

    def hand_over(self, *findings: object, **how: int) -> list[Handed]:
        return self.deployment.deliver([event(each, index) for index, each in enumerate(findings)], **how)

    @property
    def incident(self) -> Incident:
        """The only incident."""
        (only,) = self.deployment.incidents()
        return only

    def calls(self, *operations: str) -> list[dict[str, Any]]:
        """Return the attempts so far of these operations, or of all; without the warm-up's."""
        calls = [call for call in self.simulation.calls if call["delivery"] > 0]
        return [call for call in calls if not operations or call["operation"] in operations]

    def host(self, name: str = INSTANCE) -> Mapping[str, Any]:
        """Return what the world has of an instance."""
        (found,) = [each for each in self.simulation.world()["instances"] if each["id"] == name]
        return found

    @property
    def clients(self) -> Clients:
        """The clients of the deployed processes."""
        return self.deployment._clients

    def control(self, values: Mapping[str, Any]) -> None:
        """Write attributes of the control record."""
        self.deployment._write_control(values)

    def inject_faults(self, *faults: str) -> None:
        """From now on meet these faults alone."""
        transport: Any = self.simulation._transport
        transport._faults = FaultPlan([parse_fault(text) for text in faults])

    def services(self) -> Services:
        """Return a hub with clients of its own."""
        clients = Clients(_core(self.simulation.session), self.deployment.settings.home_region)
        return Services.open(self.deployment.settings, clients, self.simulation.runtime())

    def other_client(self, service: str = "ec2", account: str = ACCOUNT) -> Any:
        """Return a client of somebody else in an account; its calls are not recorded between deliveries."""
        if (service, account) in self._other_clients:
            return self._other_clients[service, account]
        session: Any = self.simulation.session_in(account)
        _core(session).register_component("data_loader", _loader())
        client = self._other_clients[service, account] = session.client(service, region_name=REGION)
        return client

    def group(self, name: str) -> str:
        """Return the id of the group of that name."""
        (found,) = [each["id"] for each in self.simulation.world()["security_groups"] if each["name"] == name]
        return str(found)


@contextmanager
def open_scenario(
    bundle: bytes,
    *instances: Instance,
    accounts: Mapping[str, AccountSpec] = ACCOUNTS,
    faults: Sequence[str] = (),
    now: datetime = NOW,
    warm: bool = True,
    **world: Any,
) -> Iterator[Scenario]:
    """Open a scenario with these instances, or with a plain one."""
    spec = WorldSpec(accounts=accounts, instances=instances or (instance(),), **world)
    with Simulation(spec, now=now, faults=[parse_fault(text) for text in faults]) as simulation:
        _core(simulation.session).register_component("data_loader", _loader())
        deployment = Deployment(simulation, bundle)
        try:
            if warm:
                deployment.warm_up()
            yield Scenario(deployment, simulation)
        finally:
            deployment.close()
