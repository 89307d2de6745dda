# SPDX-License-Identifier: Apache-2.0
"""The path from a message to the call that isolates is short: few modules and few functions stand on it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from functions.parallel import settle
from hub.simulation.virtual_time import VirtualPool
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.scenario import REGION

FUNCTIONS = Path(__file__).parents[2] / "functions"
MODULES_AT_MOST, FUNCTIONS_AT_MOST = 8, 16

CALLERS: ContextVar[tuple[str, ...]] = ContextVar("callers", default=())


def callers() -> Iterator[str]:
    """Name the functions of the product on the way here, last one first, without comprehensions and lambdas.

    ``settle`` is how the simulation's pool runs work; real threads run it without.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        counts = frame.f_code.co_name[0] != "<" and frame.f_code is not settle.__code__
        if counts and path.is_relative_to(FUNCTIONS):
            yield f"{path.relative_to(FUNCTIONS).with_suffix('')}:{frame.f_code.co_qualname}"
        frame = frame.f_back
    yield from CALLERS.get()


@pytest.fixture
def chain(new_scenario: NewScenario, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the chain of callers at the isolating call, the first one first."""
    start = VirtualPool.start

    def followed(pool: VirtualPool, work: Callable[[], Any]) -> Future[Any]:
        token = CALLERS.set(tuple(callers()))
        try:
            return start(pool, work)
        finally:
            CALLERS.reset(token)

    monkeypatch.setattr(VirtualPool, "start", followed)
    scenario = new_scenario()
    found: list[list[str]] = []
    events = scenario.clients.member("ec2", REGION).meta.events
    events.register("before-call.ec2.ModifyNetworkInterfaceAttribute", lambda **_: found.append(list(callers())))
    scenario.deliver(asff())
    return list(reversed(found[0]))


def test_the_chain_of_callers_is_short(chain: list[str]) -> None:
    modules = dict.fromkeys(each.partition(":")[0] for each in chain)
    told = "\n".join(chain)
    assert chain[0].endswith("Intake.handle"), told
    assert len(chain) <= FUNCTIONS_AT_MOST, f"{len(chain)} functions:\n{told}"
    assert len(modules) <= MODULES_AT_MOST, f"{len(modules)} modules:\n{told}"
