# SPDX-License-Identifier: Apache-2.0
"""The time that moto writes into what it makes (launch times, dates of keys): the simulation's, not the machine's."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

from functions.clock import Clock
from hub.simulation.patches import Patches


def correct(patches: Patches, clock: Clock) -> None:
    """Put the simulated clock under ``moto.core.utils.utcnow``, from which moto's services take the time."""
    from moto.core import utils

    class Simulated(dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Simulated:
            return cls.fromtimestamp(clock.now().timestamp(), tz)

    patches.replace(utils, "datetime", SimpleNamespace(**{**vars(dt), "datetime": Simulated}))
