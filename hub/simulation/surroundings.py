# SPDX-License-Identifier: Apache-2.0
"""The person's settings of AWS, out of the way for as long as a simulation is open.

A profile that doesn't exist, a custom endpoint, FIPS endpoints: the SDK would use them, and the simulated cloud would
get requests that it can't answer. Sessions are made from the functions' code too, so the environment itself is
cleared and put back.
"""

from __future__ import annotations

import os

_FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
"""Where the SDK looks by default is in the home directory: an empty name would not keep it from there."""


class Surroundings:
    """The process's variables for the SDK; ``undo`` puts back what ``clear`` took away."""

    def __init__(self) -> None:
        self._kept: dict[str, str] | None = None

    def clear(self) -> None:
        """Take every variable of the SDK away."""
        self._kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        self._drop()
        os.environ.update(dict.fromkeys(_FILES, os.devnull))

    def undo(self) -> None:
        """Put the variables back."""
        if self._kept is not None:
            self._drop()
            os.environ.update(self._kept)
            self._kept = None

    def _drop(self) -> None:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
