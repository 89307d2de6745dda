# SPDX-License-Identifier: Apache-2.0
"""The simulation's clock: it moves by latency, back-off, visibility time-outs and leases, and nothing really waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.simulation.virtual_time import VirtualTime


class SimulatedClock:
    """Virtual time as a time of day. Implements ``functions.clock.Clock``."""

    def __init__(self, start: datetime, time: VirtualTime | None = None) -> None:
        self._start = start.astimezone(UTC)
        self._time = time or VirtualTime()

    def now(self) -> datetime:
        """Return the present simulated moment, in UTC."""
        return self._start + timedelta(microseconds=self._time.now)

    def monotonic(self) -> float:
        """Return the simulated seconds since the start."""
        return self._time.now / 1_000_000

    def sleep(self, seconds: float) -> None:
        """Wait in virtual time: others go on meanwhile, and no real time passes."""
        self._time.sleep(seconds)
