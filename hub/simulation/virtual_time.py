# SPDX-License-Identifier: Apache-2.0
"""Virtual time: threads that wait through one place, run one at a time, and never really wait.

One thread runs. Where it waits (for a pause, for a call, for work that it started) it passes its turn to a thread that
can go on. When none can, time moves to the earliest moment that a thread waits for. So the order of everything, and
every time that is read, follows from the input alone, on any machine at any load.

A thread that waits by other means would stop all others: the code under simulation waits through its ``Runtime`` only.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from random import Random
from typing import TypeVar

from functions.parallel import WORKERS, Pool, settle
from hub.simulation.errors import SimulationError

T = TypeVar("T")

_MICROSECONDS = 1_000_000


class SimulationOver(BaseException):
    """The simulation is over: the thread that sees this leaves what it was at."""


class VirtualTime:
    """The time, and the threads that wait for it. Made and closed by the thread that runs the simulation.

    ``order`` decides which of several threads that can go on is next; without it they go on in the order in which they
    became ready. Times are whole microseconds since the start.
    """

    def __init__(self, order: Random | None = None) -> None:
        self.now = 0
        self._order = order
        self._numbers = itertools.count()
        self._ready: deque[_Thread] = deque()
        self._timers: list[tuple[int, int, _Wait]] = []
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, None] = {}
        self._main = _Thread(self)
        self._local = threading.local()
        self._local.thread = self._main
        self._ending = False

    def sleep(self, seconds: float) -> None:
        """Wait that long in virtual time; a pause of nothing is none."""
        microseconds = round(seconds * _MICROSECONDS)
        if microseconds > 0:
            self.wait(_Wait(self.thread()), self.now + microseconds)

    def start(self, work: Callable[[], object]) -> None:
        """Run a piece of work, which must not raise, in a thread of its own as soon as that thread may run."""
        if self._ending:
            return
        worker = self._idle.pop() if self._idle else _Worker(self)
        worker.work = work
        self._busy[worker] = None
        self._ready.append(worker)

    def wait(self, wait: _Wait, until: int | None = None) -> None:
        """Pass the turn on until ``wake`` is called for this wait, or until that moment."""
        if self._ending:
            raise SimulationOver
        if until is not None:
            heapq.heappush(self._timers, (until, next(self._numbers), wait))
        following = self._next()
        if following is not wait.thread:
            following.turn.release()
            wait.thread.turn.acquire()
        wait.over = True
        if self._ending:
            raise SimulationOver
        if wait.thread.error is not None:
            error, wait.thread.error = wait.thread.error, None
            raise error

    def wake(self, wait: _Wait) -> None:
        """Let a thread go on, if it still waits for this."""
        if not wait.over:
            wait.over = True
            self._ready.append(wait.thread)

    def thread(self) -> _Thread:
        """Return the running thread; raise SimulationError for one that virtual time knows nothing of."""
        found: _Thread | None = getattr(self._local, "thread", None)
        if found is None:
            raise SimulationError("a thread that the simulation did not start has called it; use its runtime's pool")
        return found

    def close(self) -> None:
        """End every thread that still waits: each sees ``SimulationOver`` where it is."""
        self._ending = True
        self._ready.clear()
        while self._busy:
            next(iter(self._busy)).turn.release()
            self._main.turn.acquire()
        for worker in self._idle:
            worker.work = None
            worker.turn.release()

    def run(self, worker: _Worker) -> None:
        """Run a worker's pieces of work, one after the other, for as long as there are any."""
        self._local.thread = worker
        while True:
            worker.turn.acquire()
            if worker.work is None:
                return
            if not self._ending:
                worker.work()
            del self._busy[worker]
            self._idle.append(worker)
            following = self._main if self._ending else self._next()
            following.turn.release()

    def _next(self) -> _Thread:
        """Return the thread whose turn it is, moving time on where no thread is ready."""
        while not self._ready and self._timers:
            at, _, wait = heapq.heappop(self._timers)
            if not wait.over:
                self.now = max(self.now, at)
                self.wake(wait)
                while self._timers and self._timers[0][0] <= self.now:
                    self.wake(heapq.heappop(self._timers)[2])
        if not self._ready:
            self._main.error = SimulationError("every thread waits for work that no thread does")
            return self._main
        if self._order is not None:
            self._ready.rotate(-self._order.randrange(len(self._ready)))
        return self._ready.popleft()


class _Thread:
    """A thread that takes turns; the simulation's main thread is one too."""

    def __init__(self, time: VirtualTime) -> None:
        self.time = time
        self.turn = threading.Lock()
        self.turn.acquire()
        self.error: Exception | None = None


class _Worker(_Thread):
    """A thread that was started for work, and is used again for further work."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__(time)
        self.work: Callable[[], object] | None = None
        threading.Thread(target=time.run, args=(self,), daemon=True, name="cordon-simulation").start()


class _Wait:
    """One wait of one thread; once it is over, nothing wakes the thread by it again."""

    __slots__ = ("over", "thread")

    def __init__(self, thread: _Thread) -> None:
        self.thread = thread
        self.over = False


class VirtualFuture(Future[T]):
    """A future whose result is waited for in virtual time."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__()
        self._time = time
        self._waits: list[_Wait] = []

    def set_result(self, result: T) -> None:
        """Settle it and continue every thread that waits for it."""
        super().set_result(result)
        self._wake()

    def set_exception(self, exception: BaseException | None) -> None:
        """Settle it with an error and continue every thread that waits for it."""
        super().set_exception(exception)
        self._wake()

    def result(self, timeout: float | None = None) -> T:
        """Return the result or raise the error; raise TimeoutError after that many virtual seconds."""
        self._settled(timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the error, or None; raise TimeoutError after that many virtual seconds."""
        self._settled(timeout)
        return super().exception(0)

    def _settled(self, timeout: float | None) -> None:
        if not self.done():
            until = None if timeout is None else self._time.now + round(timeout * _MICROSECONDS)
            wait = _Wait(self._time.thread())
            self._waits.append(wait)
            self._time.wait(wait, until)

    def _wake(self) -> None:
        for wait in self._waits:
            self._time.wake(wait)


class VirtualPool(Pool):
    """A pool as wide as the real one, in virtual time."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._running = 0
        self._queued: deque[Callable[[], None]] = deque()

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Start one piece of work in a copy of the caller's context."""
        future = VirtualFuture[T](self._time)
        context = copy_context()

        def run() -> None:
            settle(future, lambda: context.run(work))
            self._running -= 1
            if self._queued:
                self._begin(self._queued.popleft())

        if self._running < WORKERS:
            self._begin(run)
        else:
            self._queued.append(run)
        return future

    def promise(self) -> Future[T]:
        """Return a future that the caller settles."""
        return VirtualFuture(self._time)

    def close(self) -> None:
        """Do nothing: the threads end with the simulation."""

    def _begin(self, run: Callable[[], None]) -> None:
        self._time.start(run)
        self._running += 1
