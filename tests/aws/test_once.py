# SPDX-License-Identifier: Apache-2.0
"""Calls without a client token: repeated only when nothing was made."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from functions.aws.once import ATTEMPTS, make_once
from hub.simulation.clock import SimulatedClock
from tests.aws.test_errors import client_error

TIMEOUT = ReadTimeoutError(endpoint_url="https://ec2.eu-west-1.amazonaws.com")
THROTTLED = client_error("RequestLimitExceeded", 503)
SERVER = client_error("InternalError", 500)
FINAL = client_error("InvalidGroup.Duplicate", 400)

# what each attempt does, what each look-up finds, what comes of it, look-ups made
TABLE = {
    "at once": (["made"], [], "made", 0),
    "a time-out that took effect": ([TIMEOUT], ["found"], "found", 1),
    "a time-out without effect": ([TIMEOUT, "made"], [None], "made", 1),
    "an effect that shows late": ([TIMEOUT, TIMEOUT], [None, "found"], "found", 2),
    "a server error that took effect": ([SERVER], ["found"], "found", 1),
    "a throttled call has no effect to look for": ([THROTTLED, "made"], [], "made", 0),
    "throttled to the end": ([THROTTLED] * 4, [], THROTTLED, 0),
    "timed out to the end": ([TIMEOUT] * 4, [None] * 4, TIMEOUT, 4),
    "the last one took effect": ([TIMEOUT] * 4, [None, None, None, "found"], "found", 4),
    "final": ([FINAL], [], FINAL, 0),
    "throttled, then final": ([THROTTLED, FINAL], [], FINAL, 0),
    "the look-up is refused": ([TIMEOUT], [client_error("UnauthorizedOperation", 403)], "UnauthorizedOperation", 1),
}


@pytest.mark.parametrize("case", TABLE)
def test_make_once(case: str) -> None:
    attempts, found, end, look_ups = TABLE[case]
    made, looked = iter(attempts), iter(found)

    def answer(value: object) -> object:
        if isinstance(value, BaseException):
            raise value
        return value

    count = 0

    def look_up() -> object:
        nonlocal count
        count += 1
        return answer(next(looked))

    clock = SimulatedClock(datetime(2026, 3, 2, tzinfo=UTC))
    if isinstance(end, BaseException) or end == "UnauthorizedOperation":
        with pytest.raises((ClientError, ReadTimeoutError)) as caught:
            make_once(lambda: answer(next(made)), look_up, clock)
        assert caught.value is end or end in str(caught.value)
    else:
        assert make_once(lambda: answer(next(made)), look_up, clock) == end
    assert count == look_ups
    assert next(made, None) is None
    assert len(attempts) <= ATTEMPTS


def test_pauses_grow_and_none_follows_the_last_attempt() -> None:
    clock = SimulatedClock(datetime(2026, 3, 2, tzinfo=UTC))

    def fail() -> None:
        raise THROTTLED

    with pytest.raises(ClientError):
        make_once(fail, lambda: None, clock)
    assert clock.monotonic() == 0.5 + 1 + 2
