# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from hub.simulation.clock import SimulatedClock

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_now_is_utc_whatever_it_was_given() -> None:
    there = datetime(2026, 3, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    assert SimulatedClock(there).now() == START
    assert SimulatedClock(there).now().tzinfo is UTC


def test_both_ways_of_telling_the_time_move_together() -> None:
    clock = SimulatedClock(START)
    clock.sleep(0.25)
    assert (clock.now() - START, clock.monotonic()) == (timedelta(milliseconds=250), 0.25)


@given(st.lists(st.floats(min_value=-10, max_value=1e6)))
def test_time_never_goes_back(jumps: list[float]) -> None:
    clock = SimulatedClock(START)
    seen = [clock.now()]
    for jump in jumps:
        clock.sleep(jump)
        seen.append(clock.now())
    assert seen == sorted(seen)
