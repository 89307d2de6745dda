# SPDX-License-Identifier: Apache-2.0
"""Independent work side by side: every round trip that need not wait for another is started at once.

Work started here sees the context (incident, credentials) of its caller. Waiting work may start further work on the
same pool, so the pool is wide: threads cost little beside a network round trip, and a pool that is too narrow turns one
trip into several. Once every thread waits for work that has no thread, nothing goes on. So lists that an account can
make as long as it likes go in lanes, and work in a lane starts nothing on the pool.

A simulation has a pool of its own. So code waits for other code only through a future that a pool made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TypeVar

T = TypeVar("T")

WORKERS = 64
LANES = 24
"""Threads that one list of any length may take."""


class Pool(ABC):
    """A pool of threads for AWS calls, kept for the life of the process."""

    @abstractmethod
    def start(self, work: Callable[[], T]) -> Future[T]:
        """Start one piece of work in a copy of the caller's context."""

    @abstractmethod
    def promise(self) -> Future[T]:
        """Return a future that the caller settles. Work may wait for it as for work that was started."""

    @abstractmethod
    def close(self) -> None:
        """End the idle threads."""

    def all(self, work: Sequence[Callable[[], T]]) -> list[T]:
        """Run every piece, wait for all of them, and return their results in order; then raise the first error."""
        futures = [self.start(piece) for piece in work]
        for future in futures:
            future.exception()
        return [future.result() for future in futures]

    def lanes(self, work: Sequence[Callable[[], T]]) -> list[T]:
        """Do as ``all`` does in at most LANES threads, for a list of any length. No piece may start work of its own."""
        ends: list[Future[T]] = [self.promise() for _ in work]
        pieces = list(zip(work, ends, strict=True))
        self.all([partial(_one_by_one, pieces[lane::LANES]) for lane in range(min(LANES, len(work)))])
        return [end.result() for end in ends]


class ThreadPool(Pool):
    """Real threads, at most WORKERS at once."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="cordon")

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Start one piece of work in a copy of the caller's context."""
        return self._executor.submit(copy_context().run, work)

    def promise(self) -> Future[T]:
        """Return a future that the caller settles."""
        return Future()

    def close(self) -> None:
        """End the idle threads."""
        self._executor.shutdown(wait=False)


def settle(future: Future[T], work: Callable[[], T]) -> None:
    """Run a piece of work and settle a future with its result, or with whatever it raised."""
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 — raised to the caller that takes the result
        future.set_exception(error)
    else:
        future.set_result(result)


def _one_by_one(work: Sequence[tuple[Callable[[], T], Future[T]]]) -> None:
    """Run every piece after the one before, even if that one raised."""
    for piece, end in work:
        settle(end, piece)
