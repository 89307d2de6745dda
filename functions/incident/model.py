# SPDX-License-Identifier: Apache-2.0
"""An incident as it is recorded: what was decided, what was done, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from functions.finding.model import Target
from functions.policy.model import Decision, Mode, Provisional


class State(StrEnum):
    """Where an incident stands."""

    OBSERVED = "observed"
    AWAITING_APPROVAL = "awaiting-approval"
    CONTAINING = "containing"
    CONTAINED = "contained"
    PARTIAL = "partial"
    FAILED = "failed"
    RELEASING = "releasing"
    RELEASED = "released"
    CLOSED = "closed"


class StepOutcome(StrEnum):
    """How a step ended."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One AWS call that a step makes, or would make. ``parameters`` are as sent."""

    step: str
    operation: str
    parameters: Mapping[str, Any]
    service: str = "ec2"

    def to_json(self) -> dict[str, Any]:
        """Return the call as plain data, for what is printed."""
        return {
            "step": self.step,
            "service": self.service,
            "operation": self.operation,
            "parameters": dict(self.parameters),
        }


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """How one call of a step ended: ``what`` names the thing it was for (an interface, an attribute, a volume)."""

    what: str
    outcome: StepOutcome
    reason: str = ""
    error: str | None = None
    transient: bool = False


Receipt_co = TypeVar("Receipt_co", covariant=True)


@dataclass(frozen=True, slots=True)
class StepResult(Generic[Receipt_co]):
    """How a step ended, with what verifying and reverting need (``receipt``, plain data)."""

    name: str
    outcome: StepOutcome
    reason: str = ""
    error: str | None = None
    items: tuple[ItemOutcome, ...] = ()
    receipt: Receipt_co = field(kw_only=True)

    @property
    def transient(self) -> bool:
        """Whether something failed that may succeed later."""
        return any(item.transient for item in self.items)


AnyResult = StepResult[Mapping[str, Any]]
"""The result of any step, as the record has it: its receipt is read by the step that wrote it."""


@dataclass(frozen=True, slots=True)
class RestoredItem:
    """What a release did about one item of the baseline.

    ``retry``: it may be put back by a further release. What somebody else changed or took away is theirs to say;
    ``command`` is then what a person would type to put it back by hand, where there is such a command.
    """

    step: str
    what: str
    restored: bool
    reason: str = ""
    retry: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """The record as a whole, as read from the store."""

    id: str
    target: Target
    state: State
    mode: Mode
    rule: str | None
    origin: str | None
    bundle: str
    reason: str
    findings: tuple[str, ...]
    types: tuple[str, ...]
    plan: tuple[PlannedCall, ...]
    steps: tuple[AnyResult, ...]
    residual_risk: tuple[str, ...]
    clocks: Mapping[str, datetime]
    baseline: Mapping[str, Mapping[str, Any]]
    timeline: tuple[tuple[datetime, str], ...] = ()
    release: tuple[RestoredItem, ...] = ()
    kept: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By finding: the file of its raw event, with ``key``, ``sha256``, ``version``, ``bytes`` and ``at``."""


@dataclass(frozen=True, slots=True)
class Headline:
    """What a list of incidents shows of one. ``state`` and ``mode`` are as recorded."""

    incident: str
    target: Target
    state: str
    mode: str
    rule: str
    reason: str
    opened_at: str


@dataclass(frozen=True, slots=True)
class Conclusion:
    """Everything that is written when an attempt ends. Without a decision the head stays as it is."""

    state: State
    mode: Mode
    decision: Decision | None
    reason: str
    plan: tuple[PlannedCall, ...] = ()
    steps: tuple[AnyResult, ...] = ()
    residual_risk: tuple[str, ...] = ()
    clocks: Mapping[str, datetime] = field(default_factory=dict)
    timeline: tuple[tuple[datetime, str], ...] = ()
    unfinished: bool = False
    release: tuple[RestoredItem, ...] = ()


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """The attempt that has the lease, or asks for it: its token, and the id of its queue message."""

    token: str
    message: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """A finding on which no attempt has acted: the provisional decision of the latest version of a mode."""

    provisional: Provisional
    types: tuple[str, ...]
    updated_at: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim on a target, as stored. ``last_token``, ``last_message``: of the attempt that gave it back last."""

    incident: str
    state: State
    mode: Mode
    token: str | None
    message: str | None
    lease_until: datetime | None
    unfinished: bool
    after_release: bool
    released_at: datetime | None
    last_token: str | None = None
    last_message: str | None = None
    unseen: Mapping[str, Unseen] = field(default_factory=dict)
    seen: Mapping[str, str] = field(default_factory=dict)
    arrivals: int = 0
    """How many findings were ever put down as unseen. One that replaces an earlier version counts as well."""


@dataclass(frozen=True, slots=True)
class SharedRecord:
    """A shared resource as stored.

    incidents  the incidents that use it, each with its share (plain data)
    original   what it was before the first of them changed it
    version    counts the writes: of two at once, one sees that it was late
    restoring  the incident that restores it and keeps others out, ``until`` then
    """

    incidents: Mapping[str, Any]
    original: Mapping[str, Any]
    version: int
    restoring: str | None = None
    until: datetime | None = None
