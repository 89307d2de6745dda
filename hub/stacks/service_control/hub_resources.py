# SPDX-License-Identifier: Apache-2.0
"""What runs in the hub, as ARN patterns of the names of this deployment.

A pattern never includes everything that begins with the qualifier: another deployment may exist beside this one in the
same account, and its qualifier may begin like this one. A ``*`` at the end is for versions, objects and the like.
Rules, alarms and event source mappings are the exception, to keep the policy short: only deployments change them, and
every deployer is exempt.
"""

from __future__ import annotations

from functions import names
from hub.deployment.model import DeploymentSettings

_FUNCTIONS = (names.INTAKE, names.RELEASE, names.WATCH)


def functions(settings: DeploymentSettings) -> tuple[str, ...]:
    """Return the functions, in every version."""
    return tuple(f"arn:*:lambda:*:*:function:{names.function(settings.qualifier, each)}*" for each in _FUNCTIONS)


def triggered(settings: DeploymentSettings) -> str:
    """Return a pattern that the functions fit."""
    return f"arn:*:lambda:*:*:function:{names.function(settings.qualifier, '*')}"


def table(settings: DeploymentSettings) -> str:
    """Return the table, its stream included."""
    return f"arn:*:dynamodb:*:*:table/{names.table(settings.qualifier)}*"


def buckets(settings: DeploymentSettings) -> tuple[str, ...]:
    """Return the buckets of policy and evidence, with their objects."""
    place = settings.qualifier, settings.hub, settings.home_region
    return tuple(f"arn:*:s3:::{bucket(*place)}*" for bucket in (names.policy_bucket, names.evidence_bucket))


def code(settings: DeploymentSettings) -> str:
    """Return the bucket from which CloudFormation takes the functions' code (the CDK's bootstrap makes it)."""
    return f"arn:*:s3:::cdk-*-assets-{settings.hub}-*"


def queues(settings: DeploymentSettings) -> str:
    """Return the intake's queue and its dead letters."""
    return f"arn:*:sqs:*:*:{names.queue(settings.qualifier)}*"


def topic(settings: DeploymentSettings) -> str:
    """Return the topic for notifications."""
    return f"arn:*:sns:*:*:{names.topic(settings.qualifier)}"


def told_by(settings: DeploymentSettings) -> tuple[str, ...]:
    """Return the resources that bring findings in or report failures: rules, alarms, logs."""
    q = settings.qualifier
    return (
        f"arn:*:events:*:*:rule/{names.rule(q, '*')}",
        f"arn:*:cloudwatch:*:*:alarm:{names.alarm(q, '*')}",
        f"arn:*:logs:*:*:log-group:{names.log_group(q, '*')}",
    )


def stacks(settings: DeploymentSettings) -> tuple[str, ...]:
    """Return the stacks of the hub account."""
    parts = ("hub", "members", "detection", "forwarder-*")
    return tuple(f"arn:*:cloudformation:*:*:stack/{names.stack(settings.qualifier, part)}/*" for part in parts)
