# SPDX-License-Identifier: Apache-2.0
"""Results of steps, as tests write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.incident.model import AnyResult, ItemOutcome, StepOutcome, StepResult


def step_result(
    name: str,
    outcome: StepOutcome,
    reason: str = "",
    error: str | None = None,
    items: tuple[ItemOutcome, ...] = (),
    receipt: Mapping[str, Any] | None = None,
) -> AnyResult:
    """Return a result; without a receipt nothing is known to have been done."""
    return StepResult(name, outcome, reason, error, items, receipt=receipt or {})
