# SPDX-License-Identifier: Apache-2.0
"""How a message ended: always in exactly one outcome, with a sentence for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from functions.finding.model import Target
from functions.incident.model import State


class Outcome(StrEnum):
    """What became of an event or of one of its targets, the weightiest first."""

    ACTED = "acted"
    AWAITING_APPROVAL = "awaiting-approval"
    OBSERVED = "observed"
    MERGED = "merged"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    IGNORED = "ignored"
    DEAD_LETTERED = "dead-lettered"


BY_STATE = {
    State.OBSERVED: Outcome.OBSERVED,
    State.AWAITING_APPROVAL: Outcome.AWAITING_APPROVAL,
    State.CONTAINING: Outcome.ACTED,
    State.CONTAINED: Outcome.ACTED,
    State.PARTIAL: Outcome.ACTED,
    State.FAILED: Outcome.ACTED,
    State.RELEASING: Outcome.ACTED,
    State.RELEASED: Outcome.ACTED,
    State.CLOSED: Outcome.IGNORED,
}
"""What a message did that left its incident in that state."""


@dataclass(frozen=True, slots=True)
class TargetResult:
    """What became of one target. ``incident`` is None where none was opened or found."""

    target: Target
    outcome: Outcome
    reason: str
    incident: str | None = None


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of one message."""

    outcome: Outcome
    reason: str
    targets: tuple[TargetResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A message that goes back to the queue, and why."""

    reason: str


class RetryError(Exception):
    """The message can't be finished now: it goes back to the queue. The text says why."""


def summed_up(results: Sequence[EventResult]) -> EventResult:
    """Return one result for a message with several findings: the weightiest outcome, every reason once."""
    if len(results) == 1:
        return results[0]
    order = list(Outcome)
    outcome = min((result.outcome for result in results), key=order.index)
    reasons = dict.fromkeys(result.reason for result in results)
    return EventResult(outcome, "; ".join(reasons), tuple(target for result in results for target in result.targets))
