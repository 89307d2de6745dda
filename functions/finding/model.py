# SPDX-License-Identifier: Apache-2.0
"""The finding as the rest of Cordon sees it, whatever its dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Dialect(StrEnum):
    """The three shapes in which a GuardDuty finding arrives."""

    ASFF = "asff"
    OCSF = "ocsf"
    NATIVE = "native"


class Direction(StrEnum):
    """Who started the activity: the host (outbound), another party (inbound), or it is unknown."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"
    UNKNOWN = "unknown"


class Workflow(StrEnum):
    """What people did with the finding in Security Hub. Members may set it: never proof of innocence."""

    NEW = "new"
    NOTIFIED = "notified"
    SUPPRESSED = "suppressed"
    RESOLVED = "resolved"


class Label(StrEnum):
    """Severity in words, in rising order of GuardDuty's number (1-3.9, 4-6.9, 7-8.9, 9-10)."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Position in the order above, from 0."""
        return list(Label).index(self)


@dataclass(frozen=True, slots=True)
class Severity:
    """GuardDuty's own severity; Security Hub's copy may be edited by members and is not used."""

    label: Label
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One EC2 instance that a finding names: the unit of containment."""

    partition: str
    account: str
    region: str
    instance: str

    @property
    def key(self) -> str:
        """Key of the target in the store."""
        return f"{self.partition}:{self.account}:{self.region}:{self.instance}"

    @property
    def arn(self) -> str:
        """ARN of the instance."""
        return f"arn:{self.partition}:ec2:{self.region}:{self.account}:instance/{self.instance}"


@dataclass(frozen=True, slots=True)
class Finding:
    """An authentic GuardDuty finding that names at least one instance.

    ``document`` is the finding in the shape of the AWS Security Finding Format, whatever dialect it came in;
    the ``where`` expressions of policy are evaluated over it.
    """

    id: str
    dialect: Dialect
    types: tuple[str, ...]
    partition: str
    account: str
    region: str
    severity: Severity
    sample: bool
    direction: Direction
    closed: bool
    workflow: Workflow
    targets: tuple[Target, ...]
    title: str
    created_at: datetime | None
    updated_at: datetime | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    note_author: str | None
    document: Mapping[str, Any]

    @property
    def type(self) -> str:
        """The first native GuardDuty type."""
        return self.types[0]


class RefusalKind(StrEnum):
    """Why a finding goes no further: not ours to act on, or not to be believed."""

    IGNORED = "ignored"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A finding, or a whole event, that goes no further, with a sentence for a person."""

    kind: RefusalKind
    reason: str
    finding_id: str | None = None
