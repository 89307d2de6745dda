# SPDX-License-Identifier: Apache-2.0
"""Policy as it is in force for one account, and the decisions by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from functions.finding.model import Label


class Mode(StrEnum):
    """How far Cordon goes, in rising order."""

    OFF = "off"
    OBSERVE = "observe"
    APPROVE = "approve"
    ENFORCE = "enforce"

    @property
    def rank(self) -> int:
        """Position in the order above, from 0."""
        return list(Mode).index(self)

    def at_most(self, ceiling: Mode) -> Mode:
        """Return the lower of the two."""
        return self if self.rank <= ceiling.rank else ceiling


@dataclass(frozen=True, slots=True)
class Match:
    """Which findings a rule is for. ``types`` may have ``*`` wildcards; ``where`` is JMESPath over the finding."""

    types: tuple[str, ...]
    severity: Label = Label.INFORMATIONAL
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule in force. ``origin`` is the ``file:line`` that set its mode; ``steps`` maps step name to options."""

    id: str
    match: Match
    mode: Mode
    steps: Mapping[str, Mapping[str, Any]]
    origin: str


@dataclass(frozen=True, slots=True)
class PolicyException:
    """Lowers the mode for whatever all of its given criteria fit, until it ends."""

    id: str
    mode: Mode
    reason: str
    until: datetime
    origin: str
    rules: tuple[str, ...] = ()
    account: str | None = None
    instance: str | None = None
    image: str | None = None
    scaling_group: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be contained without asking. Beyond a limit a containment needs approval."""

    per_account_hour: int = 10
    per_scaling_group_hour: int = 2
    per_attack_sequence: int = 5
    scaling_group_share: int = 50
    """Per cent of a scaling group's members that may be out of it at the same time; one always may."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything in force for one account.

    Example::

        tor = Match(("UnauthorizedAccess:EC2/TorClient",))
        Policy(rules=(Rule("tor", tor, Mode.ENFORCE, {"isolate": {}}, "config/organization.yaml:63"),))
    """

    rules: tuple[Rule, ...]
    exceptions: tuple[PolicyException, ...] = ()
    limits: Limits = field(default_factory=Limits)
    max_age_seconds: int = 6 * 3600
    eks_nodes: Mode = Mode.APPROVE
    appliances: Mode = Mode.APPROVE
    last_healthy_target: Mode = Mode.APPROVE
    after_release: Mode = Mode.APPROVE


@dataclass(frozen=True, slots=True)
class Candidate:
    """One rule that matches the finding. ``mode`` is the rule's own, lowered for ``reasons``."""

    rule: str
    origin: str
    mode: Mode
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cap:
    """A ceiling for the mode, whichever rule decides, and why."""

    mode: Mode
    reason: str


@dataclass(frozen=True, slots=True)
class Provisional:
    """What the finding alone decides, before the instance is known. Plain data: it is stored with the claim.

    ``mode``, ``rule``, ``origin`` and ``reasons`` are the answer so far; the rest is what the final decision needs of
    the finding, so that it can be made later, without the finding.
    """

    finding_id: str
    mode: Mode
    rule: str | None
    origin: str | None
    bundle: str
    reasons: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    """Every rule that matches, in file order."""
    caps: tuple[Cap, ...] = ()
    """Ceilings from the finding, the event or the account, in the order in which decisions show them."""
    withdrawn: str | None = None
    """Why the finding no longer stands in Security Hub (suppressed, resolved); None while it stands."""
    notes: tuple[str, ...] = ()
    """What went wrong while matching, such as a ``where`` that failed."""
    open_exceptions: tuple[str, ...] = ()
    """Ids of exceptions that fit the finding and wait for the instance's image, tags or scaling group."""
    sequence_targets: int = 0
    """How many instances the finding's attack sequence names; 0 when it is no attack sequence."""
    active_at: datetime | None = None
    """Last activity that the finding reports."""
    users: tuple[str, ...] = ()
    """Names of IAM users whose access keys the finding names."""


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """What deciding needs to know of the instance, as described in its account."""

    image: str | None
    tags: Mapping[str, str]
    scaling_group: str | None = None
    appliance: bool = False
    """Whether it passes on traffic that isn't its own: source/destination check off."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Containments already counted in the present hour, before this one."""

    account: int = 0
    scaling_group: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The final word on one target. ``reasons`` says, in order, what lowered the rule's mode."""

    finding_id: str
    mode: Mode
    rule: str | None
    origin: str | None
    bundle: str
    reasons: tuple[str, ...]
    steps: Mapping[str, Mapping[str, Any]]
