# SPDX-License-Identifier: Apache-2.0
"""What a function uses of the hub: records, documents, the way into member accounts; made once for each process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from functions.aws import roles
from functions.aws.clients import Clients
from functions.context import MemberCredentials
from functions.finding.model import Target
from functions.incident.claim import Claims
from functions.incident.evidence import EvidenceFolder
from functions.incident.head import Heads
from functions.incident.shared_resources import SharedResources
from functions.incident.store import Store
from functions.notify import Notifier
from functions.organization.control import Control, HubRecords
from functions.organization.policy_in_force import Loader, PolicyInForce
from functions.runtime import Runtime
from functions.settings import Settings
from functions.steps.registry import identity_actions


@dataclass(slots=True)
class Services:
    """Everything that one process keeps. ``in_force`` is the policy that was loaded last."""

    settings: Settings
    clients: Clients
    runtime: Runtime
    records: HubRecords
    claims: Claims
    store: Store
    heads: Heads
    shared_resources: SharedResources
    loader: Loader
    notifier: Notifier
    in_force: PolicyInForce | None = None

    @classmethod
    def open(cls, settings: Settings, clients: Clients, runtime: Runtime) -> Services:
        """Put the parts together; calls nothing."""
        dynamodb = clients.hub("dynamodb")
        return cls(
            settings=settings,
            clients=clients,
            runtime=runtime,
            records=HubRecords(dynamodb, settings.table, runtime),
            claims=Claims(dynamodb, settings.table, runtime, settings.lease_seconds),
            store=Store(dynamodb, settings.table, runtime),
            heads=Heads(dynamodb, settings.table, runtime),
            shared_resources=SharedResources(dynamodb, settings.table, runtime),
            loader=Loader(clients.hub("s3"), settings.policy_bucket, settings.organization, runtime.pool),
            notifier=Notifier(clients.hub("sns"), settings.topic),
        )

    def policy_in_force(self) -> PolicyInForce:
        """Return what was loaded last, loading it at a cold start, and again while something is wrong with it."""
        if self.in_force is None or self.in_force.problem:
            return self.refreshed(self.records.control())
        return self.in_force

    def refreshed(self, control: Control) -> PolicyInForce:
        """Return what that control record names, loading anew only what has moved."""
        if self.in_force is None or self.in_force.control != control or self.in_force.problem:
            self.in_force = self.loader.load(control)
        return self.in_force

    def evidence(self, incident: str) -> EvidenceFolder:
        """Return where the files of an incident go."""
        return EvidenceFolder(self.clients.hub("s3"), self.settings.evidence_bucket, incident)

    def enter(self, target: Target, incident: str, purpose: str) -> MemberCredentials:
        """Return credentials of a member role other than the two that every incident uses; raise what STS raises."""
        return self.assume(target, incident, purpose=purpose, actions=identity_actions())

    def assume(self, target: Target, incident: str, *, purpose: str, actions: Iterable[str]) -> MemberCredentials:
        """Return credentials of a member role for this incident; raise what STS raises."""
        sts = self.clients.hub("sts")
        return roles.assume(sts, self.settings, target, incident, purpose=purpose, actions=actions)
