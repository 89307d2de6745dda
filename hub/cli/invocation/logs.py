# SPDX-License-Identifier: Apache-2.0
"""The functions' logs while a command runs: JSON lines on standard error, or nowhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from functions.log import JsonFormatter

_LOGGERS = ("cordon", "hub")


@contextmanager
def logs(*, shown: bool) -> Iterator[None]:
    """Send the logs of the functions and the simulation to standard error as long as the block lasts, or drop them."""
    # Not functions.log.configure(): it is for the whole life of a process, in which a command may run twice.
    handler: logging.Handler = logging.StreamHandler(sys.stderr) if shown else logging.NullHandler()
    handler.setFormatter(JsonFormatter())
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
