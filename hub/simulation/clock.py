# SPDX-License-Identifier: Apache-2.0
"""The simulation's clock: it moves by latency, back-off, visibility time-outs and leases, not by waiting for them.

Latency is the one thing that is really waited for, because only real waiting shows which calls run side by side.
It is stretched so that the machine's own work hardly shows in simulated milliseconds.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

_SHORTEST_PACED_MS = 20
"""Below this latency nothing is stretched: depths can't be told there anyway."""

_REAL_WAIT_MS = 120
"""What one call really takes at least: well above the few milliseconds that signing and answering it cost here."""


class SimulatedClock:
    """A clock that jumps. Implements ``functions.clock.Clock``; safe to use from several threads."""

    def __init__(self, start: datetime, latency_ms: int = 0) -> None:
        self._start = start.astimezone(UTC)
        self._latency_ms = latency_ms
        self._lock = threading.Lock()
        self._jumps_seconds = 0.0
        self._began: float | None = None

    @property
    def waits(self) -> bool:
        """Whether calls take time."""
        return self._latency_ms > 0

    @property
    def pace(self) -> float:
        """Real seconds for each simulated second of latency."""
        return max(1.0, _REAL_WAIT_MS / self._latency_ms) if self._latency_ms >= _SHORTEST_PACED_MS else 1.0

    def begin(self) -> None:
        """Let real time count from now on, unless it does already; without latency it never counts."""
        with self._lock:
            if self._began is None and self.waits:
                self._began = time.monotonic()

    def elapsed_seconds(self) -> float:
        """Return the simulated seconds since the start."""
        with self._lock:
            running = 0.0 if self._began is None else time.monotonic() - self._began
            return self._jumps_seconds + running / self.pace

    def now(self) -> datetime:
        """Return the present simulated moment, in UTC."""
        return self._start + timedelta(seconds=self.elapsed_seconds())

    def sleep(self, seconds: float) -> None:
        """Jump that far; nobody waits."""
        if seconds > 0:
            with self._lock:
                self._jumps_seconds += seconds

    def wait_latency(self) -> None:
        """Really wait for as long as one call to AWS takes, stretched by the pace."""
        if self.waits:
            time.sleep(self._latency_ms * self.pace / 1000)
