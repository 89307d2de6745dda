# SPDX-License-Identifier: Apache-2.0
"""A simulation: one world, one clock, one session of the hub's, for as long as the ``with`` block lasts.

moto is imported here and nowhere at the top of a module, so that ``cordon --help`` stays fast.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cache
from random import Random
from types import TracebackType
from typing import Any, Self

import boto3
import botocore.session
from botocore.loaders import Loader, create_loader

from functions.runtime import Runtime
from hub.simulation.callers import Callers, SimulatedCaller
from hub.simulation.clock import SimulatedClock
from hub.simulation.errors import SimulationError
from hub.simulation.faults import Fault, FaultPlan
from hub.simulation.names import Names
from hub.simulation.recorder import Delivery, Recorder
from hub.simulation.transport import Transport, unrecorded
from hub.simulation.virtual_time import VirtualPool, VirtualTime
from hub.simulation.world_spec import MANAGEMENT, WorldSpec


@cache
def _models() -> Loader:
    """Return one loader of service models for all sessions: EC2's model alone takes 100 ms to read.

    It takes botocore's own models whatever ``AWS_DATA_PATH`` says, which may name one that lacks operations.
    """
    return create_loader()


class Simulation:
    """An organisation in this process.

    ``with Simulation(spec) as simulation:`` gives ``simulation.session`` (boto3, the hub's credentials),
    ``simulation.clock``, ``simulation.environ`` (for ``Settings.from_env``), ``simulation.calls`` and
    ``simulation.world()``. One at a time; nothing of it is left when the block ends.

    The same arguments and the same work give the same calls at the same times. ``seed`` decides ids and random pauses;
    with ``shuffle`` also which of several threads that can go on is next.
    """

    _open: Simulation | None = None

    def __init__(
        self,
        spec: WorldSpec,
        *,
        now: datetime | None = None,
        seed: int = 0,
        shuffle: bool = False,
        latency_ms: int = 0,
        faults: Iterable[Fault] = (),
        qualifier: str = "cordon",
        home_region: str = "eu-west-1",
    ) -> None:
        self.spec = spec
        self.names = Names(spec.organization, qualifier, home_region)
        self.environ = self.names.environ()
        self._random = Random(f"{seed}: ids and pauses")
        order = Random(f"{seed}: order of threads") if shuffle else None
        self._time = VirtualTime(order)
        self._latency_seconds = latency_ms / 1000
        self.clock = SimulatedClock(now or datetime.now(UTC), self._time)
        self.recorder = Recorder(self.clock)
        self._faults = FaultPlan(faults)
        self.callers = Callers(self._random)
        self._session: boto3.Session | None = None
        self._transport: Transport | None = None
        self._cloud: Any = None

    def __enter__(self) -> Self:
        if Simulation._open is not None:
            raise SimulationError("a simulation is open already, and they share one cloud")
        # Everything below imports moto.
        from hub.simulation.cloud import Cloud
        from hub.simulation.organization import build

        Simulation._open = self
        self._cloud = Cloud(self.clock, self._random)
        try:
            self._cloud.open()
            build(self.spec, self.names, self.clock.now())
            self._transport = Transport(self.clock, self.recorder, self._faults, self.callers, self._latency_seconds)
            self._transport.acting_account["organizations"] = MANAGEMENT
            self._transport.fakes.update(self._cloud.fakes(self.callers))
            arn = f"arn:aws:sts::{self.spec.organization.hub}:assumed-role/{self.names.qualifier}-intake/intake"
            hub = self.callers.issue(self.spec.organization.hub, arn)
            self._session = self.session_of(hub)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave moto and botocore as they were."""
        if Simulation._open is self:
            self._time.close()
            self._cloud.close()
            Simulation._open = None

    @property
    def session(self) -> boto3.Session:
        """The hub's boto3 session; its home Region is the deployment's."""
        if self._session is None:
            raise SimulationError("the simulation is not open")
        return self._session

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every HTTP attempt made during a delivery, in order."""
        return self.recorder.calls

    def runtime(self) -> Runtime:
        """Return what one process waits by and draws random values from: a pool of its own, the simulation's clock."""
        return Runtime(self.clock, VirtualPool(self._time), self._random)

    def delivering(self, number: int, receive: int = 1) -> AbstractContextManager[Delivery]:
        """Count what is called inside as that receive of that delivery; number 0 is a warm-up."""
        return self.recorder.delivering(number, receive)

    @property
    def transport(self) -> Transport:
        """What answers the requests."""
        if self._transport is None:
            raise SimulationError("the simulation is not open")
        return self._transport

    def world(self) -> dict[str, Any]:
        """Return the facts of the simulated cloud, as ``WORLD`` of the simulation's contract has them."""
        from hub.simulation.reading import read_world

        return read_world(self.names)

    def inject(self, faults: Iterable[Fault]) -> None:
        """Inject these faults from now on, counted from now."""
        self._faults.add(faults)

    def unrecorded(self) -> AbstractContextManager[None]:
        """Call AWS without record, latency or faults, even during a delivery."""
        return unrecorded()

    def session_of(self, caller: SimulatedCaller) -> boto3.Session:
        """Return a session with a caller's keys that talks to this simulation."""
        core = botocore.session.Session()
        core.register_component("data_loader", _models())
        self.transport.attach(core)
        return boto3.Session(
            aws_access_key_id=caller.access_key,
            aws_secret_access_key=caller.secret_key,
            aws_session_token=caller.token,
            region_name=self.names.home_region,
            botocore_session=core,
        )

    def session_in(self, account: str, name: str = "other") -> boto3.Session:
        """Return a session in any account, for tests and tools that change the world by hand."""
        return self.session_of(self.callers.issue(account, f"arn:aws:sts::{account}:assumed-role/{name}/{name}"))
