# SPDX-License-Identifier: Apache-2.0
"""One way to make a call again after a pause: how often and how long is data, and whether is a question to its result.

A pause is taken from ``pauses`` only when a call is made again. So pauses that draw a random value draw none for a call
that succeeds at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import inf
from random import Random
from typing import TypeVar

from functions.aws.errors import AwsError
from functions.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failed:
    """A call that raised, as a result that can be asked about."""

    error: Exception


def repeat(call: Callable[[], T], *, while_: Callable[[T], bool], pauses: Iterable[float], clock: Clock) -> T:
    """Return what ``call`` returns, made again after each of the pauses (seconds) while ``while_`` says so.

    The last result is returned whatever it is: the caller tells success from the end of the pauses. Raises what
    ``call`` raises, at once.
    """
    left = iter(pauses)
    while True:
        result = call()
        if not while_(result):
            return result
        pause = next(left, None)
        if pause is None:
            return result
        clock.sleep(pause)


def repeat_on_error(
    call: Callable[[], T], *, while_: Callable[[Exception], bool], pauses: Iterable[float], clock: Clock
) -> T:
    """Return what ``call`` returns, made again while it raises an AWS error that ``while_`` wants to be tried again.

    Raises what ``call`` raised last.
    """

    def attempt() -> T | Failed:
        try:
            return call()
        except AwsError as error:
            return Failed(error)

    return unpacked(
        repeat(
            attempt,
            while_=lambda result: isinstance(result, Failed) and while_(result.error),
            pauses=pauses,
            clock=clock,
        )
    )


def unpacked(result: T | Failed) -> T:
    """Return the result of a call, or raise the error that it is."""
    if isinstance(result, Failed):
        raise result.error
    return result


def doubling(first: float, times: int, longest: float = inf) -> Iterator[float]:
    """Yield so many pauses, each twice as long as the one before it, none longer than ``longest``."""
    pause = first
    for _ in range(times):
        yield pause
        pause = min(2 * pause, longest)


def jittered(pauses: Iterable[float], random: Random) -> Iterator[float]:
    """Yield a random part of each pause, so that two that met once do not meet again."""
    for pause in pauses:
        yield pause * random.random()
