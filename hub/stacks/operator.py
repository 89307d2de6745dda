# SPDX-License-Identifier: Apache-2.0
"""The role of people and pipelines that run a deployment: publish policy, set the kill switch, release hosts.

It is a role of its own, because the hub guard denies all other principals to change what the functions read: a kill
switch must not need break-glass. The role can't change the functions, the roles, evidence or an incident's record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from functions import names
from functions.incident.items import CONTROL_KEY
from hub.stacks.acknowledged import acknowledge
from hub.stacks.records import RecordStores


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorProps:
    """Properties of ``Operator``. ``who``: ARN patterns of principals that may assume the role."""

    qualifier: str
    who: Sequence[str]
    records: RecordStores
    release: lambda_.IFunction


class Operator(Construct):
    """The operator's role."""

    def __init__(self, scope: Construct, construct_id: str, *, props: OperatorProps) -> None:
        super().__init__(scope, construct_id)
        account = iam.AccountPrincipal(cdk.Stack.of(self).account)
        role = iam.Role(
            self,
            "Role",
            role_name=names.hub_role(props.qualifier, names.OPERATOR),
            path=names.iam_path(props.qualifier),
            assumed_by=account.with_conditions({"ArnLike": {"aws:PrincipalArn": list(props.who)}}),
            inline_policies={"operator": iam.PolicyDocument(statements=_statements(props))},
        )
        bundles = "IAM5[Resource::<RecordsPolicy228CC23D.Arn>/bundles/*]"
        acknowledge(role, bundles, "Bundles are named by their digest, which isn't known before they are published.")


def _statements(props: OperatorProps) -> list[iam.PolicyStatement]:
    table = props.records.table.table_arn
    return [
        iam.PolicyStatement(
            sid="KillSwitchAndPointers",
            actions=["dynamodb:GetItem", "dynamodb:UpdateItem"],
            resources=[table],
            conditions={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [CONTROL_KEY["pk"]]}},
        ),
        iam.PolicyStatement(sid="Incidents", actions=["dynamodb:Scan"], resources=[table]),
        iam.PolicyStatement(
            sid="Bundles",
            actions=["s3:GetObject", "s3:PutObject"],
            resources=[props.records.policy.arn_for_objects("bundles/*")],
        ),
        # To distinguish a bundle that was never published from one that may not be read.
        iam.PolicyStatement(sid="Listing", actions=["s3:ListBucket"], resources=[props.records.policy.bucket_arn]),
        iam.PolicyStatement(sid="Release", actions=["lambda:InvokeFunction"], resources=[props.release.function_arn]),
    ]
