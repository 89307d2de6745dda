# SPDX-License-Identifier: Apache-2.0
"""How the member template reaches the accounts: two stack sets of disjoint OUs, the canary before the rest.

They are service-managed, with the hub as delegated administrator; they also reach new accounts of an OU. An account
that leaves its OU keeps its roles, because an account that is moved to a quarantine OU needs them. IAM roles are
global, so the template is deployed in one Region. The stack needs the bootstrap: two templates in one are larger than
CloudFormation takes without a bucket, and the hub's stack has that bucket already.
"""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from constructs import Construct

from functions import names
from hub.deployment.model import DeploymentSettings, Rollout
from hub.stacks.placement import placed

LARGEST_BODY = 51_200
"""Bytes of a template that StackSets takes inline."""


class MembersStack(cdk.Stack):
    """The two stack sets. ``body`` is the member template as JSON."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: DeploymentSettings, body: str) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Cordon: the member roles, rolled out to the organisation's accounts",
            **placed(settings, "members"),
        )
        size = len(body.encode())
        if size > LARGEST_BODY:
            raise ValueError(f"the member template has {size} bytes, StackSets takes {LARGEST_BODY} at most")
        canary = self._stack_set("canary", settings, settings.rollout.canary, body)
        rest = self._stack_set("rest", settings, settings.rollout.rest, body)
        rest.add_resource_dependency(canary)

    def _stack_set(self, part: str, settings: DeploymentSettings, units: Sequence[str], body: str) -> cdk.CfnStackSet:
        return cdk.CfnStackSet(
            self,
            part.title(),
            stack_set_name=names.stack_set(settings.qualifier, part),
            description="Cordon's roles for containing and releasing EC2 instances",
            permission_model="SERVICE_MANAGED",
            call_as="DELEGATED_ADMIN",
            capabilities=["CAPABILITY_NAMED_IAM"],
            auto_deployment=cdk.CfnStackSet.AutoDeploymentProperty(enabled=True, retain_stacks_on_account_removal=True),
            # Operations that wait for one another instead of failing: an account may join while an update runs.
            managed_execution={"Active": True},
            operation_preferences=_preferences(settings.rollout),
            stack_instances_group=[
                cdk.CfnStackSet.StackInstancesProperty(
                    deployment_targets=cdk.CfnStackSet.DeploymentTargetsProperty(organizational_unit_ids=list(units)),
                    regions=[settings.home_region],
                )
            ],
            template_body=body,
        )


def _preferences(rollout: Rollout) -> cdk.CfnStackSet.OperationPreferencesProperty:
    return cdk.CfnStackSet.OperationPreferencesProperty(
        max_concurrent_percentage=rollout.concurrency_percentage,
        failure_tolerance_percentage=rollout.tolerance_percentage,
    )
