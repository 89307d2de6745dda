# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with the input of a simulation.

::

    SimulationError
    ├── UsageError          bad input; ``problems`` has one sentence for each fault found
    │   ├── WorldError      the world file
    │   ├── FaultError      a --fault specification
    │   └── EventsError     a file of findings
    └── SimulationGapError  the simulated cloud has no such operation

``Crash`` stands apart: it is a BaseException, because no handler of the product may catch the death of its process.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SimulationError(Exception):
    """Anything that stops a simulation."""


class UsageError(SimulationError):
    """Input that can't be used. ``problems`` lists every fault, each a sentence for a person."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class WorldError(UsageError):
    """The world file, all its problems at once."""


class FaultError(UsageError):
    """A fault specification that names nothing that exists, or that can't be read."""


class EventsError(UsageError):
    """A file of findings that is missing or can't be read."""


class SimulationGapError(SimulationError):
    """The product called something that the simulated cloud does not have."""


class Crash(BaseException):
    """The process died at this call."""


def suggestion(word: str, choices: Iterable[str]) -> str:
    """Return ``"; did you mean X?"`` for the nearest choice, or an empty string."""
    by_lower = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[near[0]]}?" if near else ""
