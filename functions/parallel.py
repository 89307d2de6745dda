# SPDX-License-Identifier: Apache-2.0
"""Independent work side by side: every round trip that need not wait for another is started at once.

Work started here sees the context (incident, credentials) of whoever starts it. Waiting work may start further
work on the same pool, so the pool is wide: threads cost little beside a network round trip, and a pool that is
too narrow turns one trip into several. Once every thread waits for work that has none, nothing goes on: so what an
account may have any number of goes in lanes, and work in a lane starts nothing on the pool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from typing import TypeVar

T = TypeVar("T")

WORKERS = 64
LANES = 24
"""Threads that one list of any length may take."""


class Pool:
    """A pool of threads for AWS calls, kept for the life of the process."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="cordon")

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Start one piece of work in a copy of the caller's context."""
        return self._executor.submit(copy_context().run, work)

    def all(self, work: Sequence[Callable[[], T]]) -> list[T]:
        """Run every piece, wait for all of them, and return their results in order; then raise the first error."""
        futures = [self.start(piece) for piece in work]
        wait(futures)
        return [future.result() for future in futures]

    def lanes(self, work: Sequence[Callable[[], T]]) -> list[T]:
        """Do as ``all`` does in at most LANES threads, for a list of any length. No piece may start work of its own."""
        lanes = self.all([partial(_one_by_one, work[lane::LANES]) for lane in range(min(LANES, len(work)))])
        return [lanes[at % LANES][at // LANES].result() for at in range(len(work))]

    def close(self) -> None:
        """End the idle threads."""
        self._executor.shutdown(wait=False)


def _one_by_one(work: Sequence[Callable[[], T]]) -> list[Future[T]]:
    """Run every piece after the one before, whether or not that one raised."""
    return [_run(piece) for piece in work]


def _run(piece: Callable[[], T]) -> Future[T]:
    done: Future[T] = Future()
    try:
        done.set_result(piece())
    except BaseException as error:  # noqa: BLE001 — raised to whoever takes the result
        done.set_exception(error)
    return done
