# SPDX-License-Identifier: Apache-2.0
"""The guard: two service control policies, in the management account, which alone may make them.

It is deployed with the credentials of the organisation's administrator: the management account needs no bootstrap, and
never gets a role of Cordon.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_organizations as organizations
from constructs import Construct

from functions import names
from hub.deployment.model import DeploymentSettings
from hub.stacks.placement import placed
from hub.stacks.service_control.evidence_lock import evidence_lock
from hub.stacks.service_control.hub_guard import hub_guard


class GuardStack(cdk.Stack):
    """The evidence lock for what ``guard.targets`` names, the hub guard for the hub; without targets, for nothing."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: DeploymentSettings) -> None:
        super().__init__(
            scope,
            construct_id,
            **placed(settings, "guard", account=settings.management),
            synthesizer=cdk.BootstraplessSynthesizer(),
        )
        targets = settings.guard.targets
        policies = {
            "evidence-lock": (evidence_lock, targets, "What belongs to an incident stays as it is."),
            "hub-guard": (hub_guard, (settings.hub,) if targets else (), "What runs in the hub stays as it is."),
        }
        for purpose, (policy, attached_to, description) in policies.items():
            organizations.CfnPolicy(
                self,
                "".join(word.capitalize() for word in purpose.split("-")),
                name=names.service_control_policy(settings.qualifier, purpose),
                description=f"Cordon: {description}",
                type="SERVICE_CONTROL_POLICY",
                content=policy(settings),
                target_ids=list(attached_to) or None,
            )
