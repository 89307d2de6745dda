# SPDX-License-Identifier: Apache-2.0
"""The border between one step and the others: what goes wrong in a step beyond AWS's errors stays that step's own.

An answer from AWS that lacks what its documentation promises, or a mistake of ours, must not keep the other steps from
the host. It ends as a failed item that names it, and as a line in the log that says where it was raised.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from functions import log
from functions.incident.model import ItemOutcome, StepOutcome

T = TypeVar("T")


def within(step: str, work: Callable[[], T]) -> T | ItemOutcome:
    """Return what a step's work returns, or the failed item that its unexpected error becomes."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 — the border between steps: whatever it is, the others go on
        return unexpected(step, error)


def unexpected(step: str, error: Exception) -> ItemOutcome:
    """Log an unexpected error of a step and return the item that it becomes."""
    name = type(error).__name__
    reason = f"failed unexpectedly: {name}: {error}"
    log.write(
        "step", level=logging.ERROR, step=step, outcome="failed", reason=reason, error=name, bug=log.raised_at(error)
    )
    return ItemOutcome(step, StepOutcome.FAILED, reason, name)
