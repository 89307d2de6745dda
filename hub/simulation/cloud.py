# SPDX-License-Identifier: Apache-2.0
"""Opens and closes the simulated cloud: moto's backends emptied, corrected, and cut off from the network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import botocore.httpsession
import botocore.retries.standard
import botocore.waiter

from hub.simulation.callers import Callers
from hub.simulation.clock import SimulatedClock
from hub.simulation.errors import SimulationError, SimulationGapError
from hub.simulation.patches import Patches
from hub.simulation.security_tokens import SecurityTokens
from hub.simulation.surroundings import Surroundings
from hub.simulation.transport import Fake

_SEED = 20240501

MOTO = "5.2.5"
"""The version of moto that the corrections are written for: they replace parts of it that are private."""


class Cloud:
    """moto for the length of one simulation."""

    def __init__(self, clock: SimulatedClock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._patches = Patches()
        self._surroundings = Surroundings()
        self._random_state: Any = None

    def open(self) -> None:
        """Empty moto, correct it, and put the simulated clock under the SDK's back-off."""
        from moto.moto_api._internal import mock_random

        from hub.simulation.corrections import correct

        _check_moto()

        self._surroundings.clear()
        self._random_state = mock_random.getstate()
        # The same world gives the same ids in every run.
        mock_random.seed(_SEED)
        _forget()
        correct(self._patches, self._clock)
        waiting = SimpleNamespace(**{**vars(time), "sleep": self._clock.sleep})
        self._patches.replace(botocore.endpoint, "time", waiting)
        self._patches.replace(botocore.waiter, "time", waiting)
        standard: Any = botocore.retries.standard
        backoff = partial(standard.ExponentialBackoff, random=self._random.random)
        self._patches.replace(standard, "ExponentialBackoff", backoff)
        self._patches.replace(botocore.httpsession.URLLib3Session, "send", _refuse)

    def close(self) -> None:
        """Put everything back and empty moto again."""
        from moto.moto_api._internal import mock_random

        self._patches.undo()
        self._surroundings.undo()
        _forget()
        if self._random_state is not None:
            mock_random.setstate(self._random_state)

    def fakes(self, callers: Callers) -> dict[tuple[str, str], Fake]:
        """Return what is answered without moto."""
        tokens = SecurityTokens(callers, self._clock)
        return {
            ("sts", "AssumeRole"): tokens.assume_role,
            ("sts", "GetCallerIdentity"): tokens.get_caller_identity,
        }


def _check_moto() -> None:
    from moto import __version__ as found

    if found != MOTO:
        raise SimulationError(f"the simulation needs moto {MOTO}, and moto {found} is installed: run make setup")


def _refuse(*_: Any, **__: Any) -> Iterator[Any]:
    raise SimulationGapError("a client that is not the simulation's tried to reach AWS while a simulation is open")


def _forget() -> None:
    """Drop every backend. moto's own reset builds each one anew first, which costs half a second."""
    from moto.core.base_backend import BackendDict
    from moto.core.model_instances import reset_model_data
    from moto.organizations.models import organizations_backends
    from moto.s3.models import s3_backends

    for _, _, storage in list(s3_backends.iter_backends()):
        # Closes the files that hold the objects.
        storage.reset()
    in_use: list[Any] = vars(BackendDict)["_instances"]
    for backends in in_use:
        backends.clear()
    in_use.clear()
    reset_model_data()
    s3_backends.bucket_accounts.clear()
    organizations_backends.master_accounts.clear()
