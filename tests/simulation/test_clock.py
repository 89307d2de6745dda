# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.simulation.clock import SimulatedClock

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_without_latency_time_moves_by_jumps_alone() -> None:
    clock = SimulatedClock(START)
    clock.begin()
    time.sleep(0.01)
    assert clock.now() == START
    clock.sleep(360)
    assert clock.now() == START + timedelta(minutes=6)


def test_a_jump_takes_no_real_time() -> None:
    began = time.monotonic()
    SimulatedClock(START, latency_ms=50).sleep(3600)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(("latency_ms", "pace"), [(0, 1), (10, 1), (19, 1), (20, 6), (50, 2.4), (120, 1), (500, 1)])
def test_latency_is_stretched_so_that_the_machine_hardly_shows(latency_ms: int, pace: float) -> None:
    assert SimulatedClock(START, latency_ms).pace == pytest.approx(pace)


def test_one_latency_passes_in_simulated_time() -> None:
    clock = SimulatedClock(START, latency_ms=50)
    clock.begin()
    clock.wait_latency()
    assert 0.05 <= clock.elapsed_seconds() < 0.2


def test_now_is_utc_whatever_it_was_given() -> None:
    there = datetime(2026, 3, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    assert SimulatedClock(there).now() == START
    assert SimulatedClock(there).now().tzinfo is UTC


@given(st.lists(st.floats(min_value=-10, max_value=1e6)))
def test_time_never_goes_back(jumps: list[float]) -> None:
    clock = SimulatedClock(START)
    seen = [clock.now()]
    for jump in jumps:
        clock.sleep(jump)
        seen.append(clock.now())
    assert seen == sorted(seen)
