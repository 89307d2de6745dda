# SPDX-License-Identifier: Apache-2.0
"""What the hub's functions may do: exact resources, and only one kind of member role for each.

``functions`` makes all of these calls in a containment or a release; tests compare the two.

Credentials that leave a function are useless elsewhere: ``from_within`` binds the function's calls to
``lambda:SourceFunctionArn``, which only Lambda sets, in every request that comes from within the function (Lambda
developer guide: using source function ARN).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions import names
from functions.incident.items import CONTROL_KEY
from hub.deployment.model import DeploymentSettings
from hub.stacks.notices import Notices
from hub.stacks.records import RecordStores


@dataclass(frozen=True, slots=True)
class Granted:
    """A statement of a function's policy.

    ``open_ended``: those of its resources that have a ``*``, without ``arn:PARTITION:``; ``because`` says why they do.
    ``by_lambda``: Lambda calls it from outside the function, as its pollers do, without the function's ARN.
    """

    statement: iam.PolicyStatement
    open_ended: tuple[str, ...] = ()
    because: str = ""
    by_lambda: bool = False


def from_within(granted: Granted, function: str) -> iam.PolicyStatement:
    """Return the statement, bound to the function of that ARN; a denial applies wherever the credentials are used."""
    if granted.statement.effect == iam.Effect.ALLOW and not granted.by_lambda:
        granted.statement.add_condition("ArnEquals", {"lambda:SourceFunctionArn": function})
    return granted.statement


def records_access(records: RecordStores, actions: Iterable[str]) -> tuple[Granted, ...]:
    """Allow these actions on the table; never a write of the control record, where kill switch and pointers are.

    A denial by ``dynamodb:LeadingKeys``, because an allowance would fail wherever the key were absent.
    """
    table = records.table.table_arn
    return (
        Granted(
            iam.PolicyStatement(sid="Records", actions=[f"dynamodb:{action}" for action in actions], resources=[table])
        ),
        Granted(
            iam.PolicyStatement(
                sid="NeitherKillSwitchNorPointers",
                effect=iam.Effect.DENY,
                actions=["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
                resources=[table],
                conditions={"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": [CONTROL_KEY["pk"]]}},
            )
        ),
    )


def policy_reading(scope: Construct, settings: DeploymentSettings) -> Granted:
    """Allow reading bundles and directories; no listing, so that what is absent is answered as denied."""
    bucket = names.policy_bucket(settings.qualifier, settings.hub, settings.home_region)
    return _open(
        scope,
        "Policy",
        ["s3:GetObject"],
        [f"s3:::{bucket}/{folder}/*" for folder in ("bundles", "directory")],
        because="Bundles and directories are named by their digest, which isn't known before they are published.",
    )


def evidence_keeping(scope: Construct, settings: DeploymentSettings) -> Granted:
    """Allow adding evidence; neither reading nor taking away."""
    bucket = names.evidence_bucket(settings.qualifier, settings.hub, settings.home_region)
    return _open(
        scope,
        "Evidence",
        ["s3:PutObject"],
        [f"s3:::{bucket}/incidents/*"],
        because="Evidence is named by incident and digest, and what is there is locked: another version may be added.",
    )


def notifying(notices: Notices) -> Granted:
    """Allow notifying people."""
    return Granted(iam.PolicyStatement(sid="Notices", actions=["sns:Publish"], resources=[notices.topic.topic_arn]))


def watching(records: RecordStores) -> Granted:
    """Allow Lambda to read the table's stream on the function's behalf."""
    actions = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    return Granted(
        iam.PolicyStatement(
            sid="Stream",
            actions=[f"dynamodb:{action}" for action in actions],
            resources=[records.table.table_stream_arn or ""],
        ),
        by_lambda=True,
    )


def looking_up(scope: Construct, settings: DeploymentSettings) -> Granted:
    """Allow asking Organizations where an account is, in this organisation; its ARNs carry the management account."""
    return _open(
        scope,
        "Organization",
        ["organizations:DescribeAccount", "organizations:DescribeOrganizationalUnit", "organizations:ListParents"],
        [
            f"organizations::{settings.management}:{kind}/{settings.organization}/{which}"
            for kind, which in (("account", "*"), ("ou", "ou-*"))
        ],
        because="Read only, and only this organisation's: any of its accounts may have a finding.",
    )


def entering(scope: Construct, settings: DeploymentSettings, *, purpose: str) -> Granted:
    """Allow assuming one kind of member role, and the opt-in one where it is made, in accounts of this organisation."""
    qualifier = settings.qualifier
    purposes = (purpose, names.IDENTITY) if settings.rollout.identity else (purpose,)
    return _open(
        scope,
        "Members",
        ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
        [f"iam::*:role{names.iam_path(qualifier)}{names.member_role(qualifier, each)}" for each in purposes],
        because="Any account of the organisation may have a finding; the roles are named, and say whom they trust.",
        conditions={"StringEquals": {"aws:ResourceOrgID": settings.organization}},
    )


def _open(
    scope: Construct,
    sid: str,
    actions: list[str],
    resources: list[str],
    *,
    because: str,
    conditions: dict[str, dict[str, str]] | None = None,
) -> Granted:
    statement = iam.PolicyStatement(
        sid=sid, actions=actions, resources=[_arn(scope, each) for each in resources], conditions=conditions
    )
    return Granted(statement, tuple(resources), because)


def _arn(scope: Construct, rest: str) -> str:
    return f"arn:{cdk.Stack.of(scope).partition}:{rest}"
