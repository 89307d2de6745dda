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
from functions.clock import Clock

T = TypeVar("T")

ATTEMPTS = 4
_FIRST_PAUSE_SECONDS = 0.5


def make_once(create: Callable[[], T], look_up: Callable[[], T | None], clock: Clock) -> T:
    """Return what ``create`` makes, or what an attempt with an unknown end turns out to have made.

    Raises what ``create`` raised last, when the error is final or every attempt failed.
    """
    pause = _FIRST_PAUSE_SECONDS
    attempt = 1
    while True:
        try:
            return create()
        except errors.AwsError as error:
            if errors.ambiguous(error):
                found = look_up()
                if found is not None:
                    return found
            if not errors.transient(error) or attempt == ATTEMPTS:
                raise
        clock.sleep(pause)
        pause *= 2
        attempt += 1
