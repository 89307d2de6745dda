# SPDX-License-Identifier: Apache-2.0
"""Calls that are made again: after which pauses, for how long, and what comes of the last one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from functions.aws import errors
from functions.aws.retry import doubling, jittered, repeat, repeat_on_error
from hub.simulation.clock import SimulatedClock
from tests.aws.test_errors import client_error

NOW = datetime(2026, 3, 2, tzinfo=UTC)
THROTTLED = client_error("RequestLimitExceeded", 503)
FINAL = client_error("InvalidGroup.Duplicate", 400)


@given(results=st.lists(st.booleans(), min_size=1), pauses=st.lists(st.sampled_from([0.5, 1.0])))
def test_a_call_is_made_again_until_its_result_is_right_or_the_pauses_end(
    results: list[bool], pauses: list[float]
) -> None:
    given_, clock = iter([*results, *([False] * len(pauses))]), SimulatedClock(NOW)
    made: list[bool] = []

    def call() -> bool:
        made.append(next(given_))
        return made[-1]

    assert repeat(call, while_=lambda result: not result, pauses=pauses, clock=clock) is made[-1]
    assert made[-1] or len(made) == len(pauses) + 1
    assert True not in made[:-1]
    assert clock.now() - NOW == timedelta(seconds=sum(pauses[: len(made) - 1]))


class Answers:
    def __init__(self, *ends: Exception | str) -> None:
        self.ends = list(ends)

    def __call__(self) -> str:
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end


TABLE = {
    "at once": ((), "made", 0),
    "after two": ((THROTTLED, THROTTLED), "made", 3),
    "final": ((FINAL,), FINAL, 0),
    "throttled, then final": ((THROTTLED, FINAL), FINAL, 1),
    "to the end": ((THROTTLED,) * 4, THROTTLED, 7),
}


@pytest.mark.parametrize("case", TABLE)
def test_a_call_that_raises(case: str) -> None:
    ends, end, seconds = TABLE[case]
    call, clock = Answers(*ends, "made"), SimulatedClock(NOW)

    def again() -> str:
        return repeat_on_error(call, while_=errors.throttled, pauses=doubling(1, 3), clock=clock)

    if isinstance(end, Exception):
        with pytest.raises(ClientError) as caught:
            again()
        assert caught.value is end
    else:
        assert again() == end
    assert clock.now() - NOW == timedelta(seconds=seconds)


def test_an_error_that_is_none_of_awss_is_raised_at_once() -> None:
    with pytest.raises(KeyError):
        repeat_on_error(Answers(KeyError("x"), "made"), while_=lambda _: True, pauses=(1,), clock=SimulatedClock(NOW))


def seeded() -> Random:
    return Random(1)


def test_a_pause_that_is_not_needed_draws_nothing() -> None:
    random, untouched = seeded(), seeded()
    repeat(lambda: 1, while_=bool, pauses=(), clock=SimulatedClock(NOW))
    repeat(lambda: 0, while_=bool, pauses=jittered((1, 2), random), clock=SimulatedClock(NOW))
    assert random.getstate() == untouched.getstate()


def test_pauses() -> None:
    assert list(doubling(0.5, 3)) == [0.5, 1, 2]
    assert list(doubling(0.25, 4, 0.5)) == [0.25, 0.5, 0.5, 0.5]
    drawn = list(jittered((1, 2, 4), seeded()))
    assert all(0 <= each < longest for each, longest in zip(drawn, (1, 2, 4), strict=True))
