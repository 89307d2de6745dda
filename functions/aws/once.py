# SPDX-License-Identifier: Apache-2.0
"""Calls without an idempotency token: one SDK attempt, look the effect up, and only then repeat.

CreateSnapshots, CreateSnapshot and CreateSecurityGroup take no client token, and the SDK repeats time-outs by itself:
one time-out after the effect made two snapshot sets (seen with botocore's standard retries). The clients switch that
off; this is the careful repetition in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from functions.aws import errors
from functions.aws.retry import Failed, doubling, repeat, unpacked
from functions.clock import Clock

T = TypeVar("T")

ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.5


def make_once(create: Callable[[], T], look_up: Callable[[], T | None], clock: Clock) -> T:
    """Return what ``create`` makes, or what an attempt with an unknown end turns out to have made.

    Raises what ``create`` raised last, when the error is final or every attempt failed. Raises what ``look_up`` raises
    at once: without an answer to it, another attempt might make a second one.
    """

    def attempt() -> T | Failed:
        try:
            return create()
        except errors.AwsError as error:
            found = look_up() if errors.ambiguous(error) else None
            return Failed(error) if found is None else found

    pauses = doubling(_FIRST_PAUSE_SECONDS, ATTEMPTS - 1)
    return unpacked(repeat(attempt, while_=_worth_another, pauses=pauses, clock=clock))


def _worth_another(result: object) -> bool:
    return isinstance(result, Failed) and errors.transient(result.error)
