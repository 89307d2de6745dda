# SPDX-License-Identifier: Apache-2.0
"""The hub as the functions use it: its records, its documents, its way into member accounts, made once a process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from functions.aws import roles
from functions.aws.clients import Clients
from functions.context import MemberCredentials
from functions.finding.model import Target
from functions.incident.claim import Claims
from functions.incident.evidence import Evidence
from functions.incident.head import Heads
from functions.incident.holds import Holds
from functions.incident.store import Store
from functions.notify import Notifier
from functions.organization.control import Control, Records
from functions.organization.standing import Loader, Standing
from functions.runtime import Runtime
from functions.settings import Settings
from functions.steps.registry import identity_actions


@dataclass(slots=True)
class Hub:
    """Everything that one process keeps. ``standing`` is the latest that was loaded."""

    settings: Settings
    clients: Clients
    runtime: Runtime
    records: Records
    claims: Claims
    store: Store
    heads: Heads
    holds: Holds
    loader: Loader
    notifier: Notifier
    standing: Standing | None = None

    @classmethod
    def open(cls, settings: Settings, clients: Clients, runtime: Runtime) -> Hub:
        """Put the parts together; calls nothing."""
        dynamodb = clients.hub("dynamodb")
        return cls(
            settings=settings,
            clients=clients,
            runtime=runtime,
            records=Records(dynamodb, settings.table, runtime),
            claims=Claims(dynamodb, settings.table, runtime, settings.lease_seconds),
            store=Store(dynamodb, settings.table, runtime),
            heads=Heads(dynamodb, settings.table, runtime),
            holds=Holds(dynamodb, settings.table, runtime),
            loader=Loader(clients.hub("s3"), settings.policy_bucket, settings.organization, runtime.pool),
            notifier=Notifier(clients.hub("sns"), settings.topic),
        )

    def in_force(self) -> Standing:
        """Return what was loaded last, loading it at a cold start, and again while something is wrong with it."""
        if self.standing is None or self.standing.problem:
            return self.refreshed(self.records.control())
        return self.standing

    def refreshed(self, control: Control) -> Standing:
        """Return what that control record names, loading anew only what has moved."""
        if self.standing is None or self.standing.control != control or self.standing.problem:
            self.standing = self.loader.load(control)
        return self.standing

    def evidence(self, incident: str) -> Evidence:
        """Return where the files of an incident go."""
        return Evidence(self.clients.hub("s3"), self.settings.evidence_bucket, incident)

    def enter(self, target: Target, incident: str, purpose: str) -> MemberCredentials:
        """Return credentials of a member role other than the two that every incident uses; raise what STS raises."""
        return self.assume(target, incident, purpose=purpose, actions=identity_actions())

    def assume(self, target: Target, incident: str, *, purpose: str, actions: Iterable[str]) -> MemberCredentials:
        """Return credentials of a member role for this incident; raise what STS raises."""
        sts = self.clients.hub("sts")
        return roles.assume(sts, self.settings, target, incident, purpose=purpose, actions=actions)
