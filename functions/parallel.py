# SPDX-License-Identifier: Apache-2.0
"""Independent work side by side: every round trip that need not wait for another is started at once.

Work started here sees the context (incident, credentials) of whoever starts it. Waiting work may start further
work on the same pool, so the pool is wide: threads cost little beside a network round trip, and a pool that is
too narrow turns one trip into several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")

WORKERS = 64


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

    def close(self) -> None:
        """End the idle threads."""
        self._executor.shutdown(wait=False)
