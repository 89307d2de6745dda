# SPDX-License-Identifier: Apache-2.0
"""The hub guard: what runs in the hub, and what it goes by, is changed by a deployment or by break-glass alone.

An administrator of the hub could otherwise give the functions other code, another policy or another event, and with
that reach every member. The roles that deploy are let past: who may assume those decides who may change the hub.
"""

from __future__ import annotations

from functions import names
from hub.deployment.model import DeploymentSettings
from hub.stacks.service_control import principals
from hub.stacks.service_control.evidence_lock import IAM_CHANGES
from hub.stacks.service_control.statement import deny, document

_STACK_CHANGES = (
    "cloudformation:Create*",
    "cloudformation:Delete*",
    "cloudformation:Execute*",
    "cloudformation:Update*",
)
_FUNCTION_CHANGES = (
    "lambda:Add*",
    "lambda:Create*",
    "lambda:Delete*",
    "lambda:Publish*",
    "lambda:Put*",
    "lambda:Remove*",
    "lambda:Update*",
)
_RECORD_CHANGES = (
    "dynamodb:BatchWriteItem",
    "dynamodb:Delete*",
    "dynamodb:Disable*",
    "dynamodb:Import*",
    "dynamodb:PartiQL*",
    "dynamodb:PutItem",
    "dynamodb:PutResourcePolicy",
    "dynamodb:Restore*",
    "dynamodb:Update*",
)
_BUCKET_CHANGES = (
    "s3:Bypass*",
    "s3:Delete*",
    "s3:PutBucket*",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutObject?*",
    "s3:PutReplicationConfiguration",
    "s3:Replicate*",
)
_QUEUE_CHANGES = (
    "sqs:AddPermission",
    "sqs:ChangeMessageVisibility",
    "sqs:Delete*",
    "sqs:PurgeQueue",
    "sqs:ReceiveMessage",
    "sqs:RemovePermission",
    "sqs:SendMessage",
    "sqs:SetQueueAttributes",
    "sqs:StartMessageMoveTask",
)
_TELLING_CHANGES = (
    "sns:AddPermission",
    "sns:DeleteTopic",
    "sns:RemovePermission",
    "sns:SetTopicAttributes",
)
_RULE_CHANGES = ("events:Delete*", "events:Disable*", "events:Put*", "events:Remove*")


def hub_guard(settings: DeploymentSettings) -> dict[str, object]:
    """Return the policy, for the hub account alone."""
    q, hub, break_glass = settings.qualifier, settings.hub, settings.guard.break_glass
    path, buckets = names.iam_path(q), f"arn:*:s3:::{q}-*-{hub}-*"
    cloudformation = principals.cloudformation(settings)
    deployment = (cloudformation, *break_glass)
    running = (*deployment, principals.hub_functions(settings))
    return document(
        deny(
            "Functions",
            _FUNCTION_CHANGES,
            unless=deployment,
            on=(f"arn:*:lambda:*:{hub}:function:{q}-*",),
        ),
        deny(
            "Intake",
            ("lambda:Invoke*",),
            unless=deployment,
            on=(f"arn:*:lambda:*:{hub}:function:{names.function(q, names.INTAKE)}*",),
        ),
        deny(
            "FunctionTriggers",
            ("lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping", "lambda:CreateEventSourceMapping"),
            unless=deployment,
            when={"ArnLike": {"lambda:FunctionArn": f"arn:*:lambda:*:{hub}:function:{q}-*"}},
        ),
        deny(
            "Roles",
            (*IAM_CHANGES, "iam:PassRole"),
            unless=(*deployment, principals.STACK_SETS),
            on=(
                *(f"arn:*:iam::{hub}:{kind}{path}*" for kind in ("policy", "role")),
                f"arn:*:iam::{hub}:role/cdk-*-cfn-exec-role-*",
                f"arn:*:iam::{hub}:role/cdk-*-deploy-role-*",
            ),
        ),
        deny(
            "Records",
            (*_RECORD_CHANGES, *_QUEUE_CHANGES, "s3:PutObject"),
            unless=running,
            on=(f"arn:*:dynamodb:*:{hub}:table/{q}-*", buckets, f"arn:*:sqs:*:{hub}:{q}-*"),
        ),
        deny("Buckets", _BUCKET_CHANGES, unless=deployment, on=(buckets,)),
        deny(
            "Rules",
            (*_RULE_CHANGES, *_TELLING_CHANGES),
            unless=deployment,
            on=(
                f"arn:*:events:*:{hub}:rule/{q}-*",
                f"arn:*:sns:*:{hub}:{names.topic(q)}",
            ),
        ),
        deny(
            "Stacks",
            _STACK_CHANGES,
            unless=(*deployment, principals.deployer(settings)),
            on=(f"arn:*:cloudformation:*:{hub}:stack/{q}-*/*", f"arn:*:cloudformation:*:{hub}:stackset/{q}-*"),
        ),
    )
