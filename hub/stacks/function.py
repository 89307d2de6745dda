# SPDX-License-Identifier: Apache-2.0
"""One of the hub's functions, with a role of its own, a log group of its own, and nothing else.

It has no reserved concurrency: behind a queue, that makes Lambda throttle messages until they are dead letters. The
limit of the intake is ``MaximumConcurrency`` on its event source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from functions import names
from hub.deployment.model import DeploymentSettings
from hub.stacks.acknowledged import acknowledge
from hub.stacks.grants import Granted, from_within
from hub.stacks.notices import Notices
from hub.stacks.records import RecordStores

TIMEOUT_SECONDS = 60
LEASE_SECONDS = 90
"""Longer than the time-out: no attempt takes a host over from a function that still works on it."""

_MEMORY_MB = 1769
"""One whole CPU: making clients, most of a cold start, is computing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionProps:
    """Properties of ``HubFunction``. ``purpose`` is as in ``functions.names``; ``code`` the folder that ships."""

    purpose: str
    handler: str
    code: Path
    settings: DeploymentSettings
    records: RecordStores
    notices: Notices
    grants: Sequence[Granted]


class HubFunction(Construct):
    """A function, its role and its log group."""

    def __init__(self, scope: Construct, construct_id: str, *, props: FunctionProps) -> None:
        super().__init__(scope, construct_id)
        qualifier, purpose = props.settings.qualifier, props.purpose
        stack = cdk.Stack.of(self)
        name = names.function(qualifier, purpose)
        arn = f"arn:{stack.partition}:lambda:{stack.region}:{stack.account}:function:{name}"
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=names.log_group(qualifier, purpose),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        group = self.log_group.node.default_child
        group.retention_in_days = props.settings.log_retention_days
        self.role = iam.Role(
            self,
            "Role",
            role_name=names.hub_role(qualifier, purpose),
            path=names.iam_path(qualifier),
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={
                "function": iam.PolicyDocument(
                    statements=[self._logs(), *(from_within(granted, arn) for granted in props.grants)]
                )
            },
        )
        for granted in props.grants:
            for resource in granted.open_ended:
                acknowledge(self.role, f"IAM5[Resource::arn:<AWS::Partition>:{resource}]", granted.because)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            handler=props.handler,
            code=lambda_.Code.from_asset(str(props.code)),
            memory_size=_MEMORY_MB,
            timeout=cdk.Duration.seconds(TIMEOUT_SECONDS),
            role=self.role.without_policy_updates(),
            log_group=self.log_group,
            environment=_environment(props),
        )
        acknowledge(
            self.function, "L1", "The code is tested on Python 3.11 to 3.13; a newer runtime is taken when it has been."
        )

    def _logs(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            sid="Logs",
            actions=["logs:CreateLogStream", "logs:PutLogEvents"],
            resources=[self.log_group.log_group_arn],
        )


def _environment(props: FunctionProps) -> dict[str, str]:
    """Return the variables that ``functions.settings`` reads; ``AWS_REGION`` is Lambda's own."""
    settings = props.settings
    return {
        "CORDON_ORGANIZATION": settings.organization,
        "CORDON_HUB_ACCOUNT": settings.hub,
        "CORDON_FORENSICS_ACCOUNT": settings.forensics,
        "CORDON_QUALIFIER": settings.qualifier,
        "CORDON_TABLE": props.records.table.table_name,
        "CORDON_POLICY_BUCKET": props.records.policy.bucket_name,
        "CORDON_EVIDENCE_BUCKET": props.records.evidence.bucket_name,
        "CORDON_TOPIC": props.notices.topic.topic_arn,
        "CORDON_LEASE_SECONDS": str(LEASE_SECONDS),
        "CORDON_CEILING_PER_HOUR": str(settings.containments_per_hour),
    }
