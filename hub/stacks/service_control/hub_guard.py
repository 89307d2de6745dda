# SPDX-License-Identifier: Apache-2.0
"""The hub guard: only a deployment or break-glass can change what runs in the hub, and what the functions read.

An administrator of the hub could otherwise give the functions other code, another policy or another event, and with
that reach every member. ``guard.deployers`` may deploy. Only they may assume the roles by which the CDK deploys, since
the trust policies of these roles trust every principal of the account.
"""

from __future__ import annotations

from functions import names
from hub.deployment.model import DeploymentSettings
from hub.stacks.service_control import hub_resources as hub
from hub.stacks.service_control import principals
from hub.stacks.service_control.evidence_lock import IAM_CHANGES, LETTING_OUT
from hub.stacks.service_control.statement import deny, document

_CHANGES = (
    *IAM_CHANGES,
    *LETTING_OUT,
    "cloudformation:C*",  # cancel, continue, create
    "cloudformation:Delete*",
    "cloudformation:Execute*",
    "cloudformation:Rollback*",
    "cloudformation:SetStackPolicy",
    "cloudformation:Update*",
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DisableAlarmActions",
    "cloudwatch:Put*Alarm*",
    "events:Delete*",
    "events:Disable*",
    "events:Put*",
    "events:Remove*",
    "iam:PassRole",
    "lambda:Add*",
    "lambda:Create*",
    "lambda:Delete*",
    "lambda:Publish*",
    "lambda:Put*",
    "lambda:Remove*",
    "lambda:Update*",
    "logs:*RetentionPolicy",
    "logs:DeleteLog*",
    "s3:Bypass*",
    "s3:Delete*",
    "s3:Put*Configuration",
    "s3:PutBucket*",
    "s3:PutObject?*",
    "s3:Replicate*",
    "sns:*Permission",
    "sns:DeleteTopic",
    "sns:PutDataProtectionPolicy",
    "sns:Set*Attributes",
    "sns:Unsubscribe",
    "sqs:*Permission",
    "sqs:DeleteQueue",
    "sqs:PurgeQueue",
    "sqs:SetQueueAttributes",
)
"""What a deployment alone does."""

_USES = (
    "dynamodb:BatchWriteItem",
    "dynamodb:Delete*",
    "dynamodb:PartiQL*",
    "dynamodb:Put*",
    "dynamodb:Update*",
    "lambda:Invoke*",
    "s3:PutObject",
    "sns:Publish",
    "sqs:*Message",
    "sqs:*MessageMoveTask",
    "sqs:ChangeMessage*",
)
"""What the functions and the operator do too, each within the permissions of its own role."""

_STACK_SETS = (
    "cloudformation:CreateStackInstances",
    "cloudformation:CreateStackSet",
    "cloudformation:DeleteStackInstances",
    "cloudformation:DeleteStackSet",
    "cloudformation:ImportStacksToStackSet",
    "cloudformation:UpdateStackInstances",
    "cloudformation:UpdateStackSet",
)
_TRIGGERS = ("lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping")


def hub_guard(settings: DeploymentSettings) -> dict[str, object]:
    """Return the policy, for the hub account alone."""
    guard, path, cdk = settings.guard, names.iam_path(settings.qualifier), principals.cdk(settings)
    people = (*guard.break_glass, *guard.deployers)
    functions, buckets = hub.functions(settings), (*hub.buckets(settings), hub.code(settings))
    topic, queues = hub.topic(settings), hub.queues(settings)
    return document(
        deny(
            "Changes",
            _CHANGES,
            unless=(cdk, *people, principals.STACK_SETS),
            on=(
                *(f"arn:*:iam::*:{kind}{path}*" for kind in ("policy", "role")),
                cdk,
                principals.STACK_SETS,
                *principals.made_by_anyone(guard.break_glass, guard.deployers, settings.operators),
                *hub.stacks(settings),
                *functions,
                *buckets,
                queues,
                topic,
                *hub.told_by(settings),
            ),
        ),
        deny(
            "Triggers",
            _TRIGGERS,
            unless=(cdk, *people),
            when={"ArnLike": {"lambda:FunctionArn": hub.triggered(settings)}},
        ),
        deny(
            "Uses",
            _USES,
            unless=(cdk, *people, principals.hub_roles(settings)),
            on=(hub.table(settings), *buckets, queues, topic, *functions),
        ),
        # Any stack set of the hub acts in members as a role that is exempt from the evidence lock.
        deny("StackSets", _STACK_SETS, unless=(cdk, *people)),
        # Their trust policies trust every principal of the account.
        deny("CdkRoles", ("sts:AssumeRole",), unless=people, on=(cdk,)),
    )
