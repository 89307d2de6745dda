# SPDX-License-Identifier: Apache-2.0
"""What the code waits by and draws random values from: the clock, the pool of threads, the source of randomness.

Nothing else in this package waits, starts threads, makes random values, or reads the time (the log
does, for its lines). So a simulation that supplies these three runs the same code with the same result every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random, SystemRandom
from uuid import UUID

from functions.clock import Clock, SystemClock
from functions.parallel import Pool, ThreadPool


@dataclass(frozen=True, slots=True)
class Runtime:
    """One process's clock, threads and randomness."""

    clock: Clock
    pool: Pool
    random: Random

    @classmethod
    def of_machine(cls) -> Runtime:
        """Return the machine's own clock, real threads, and the operating system's randomness."""
        return cls(SystemClock(), ThreadPool(), SystemRandom())

    def token(self) -> str:
        """Return a random token of 16 hexadecimal digits."""
        return f"{self.random.getrandbits(64):016x}"

    def uuid(self) -> str:
        """Return a random UUID, for calls that take an idempotency token."""
        return str(UUID(int=self.random.getrandbits(128), version=4))
