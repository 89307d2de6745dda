# SPDX-License-Identifier: Apache-2.0
"""Whether CloudFormation can continue from the state after the last deployment.

One that was broken off can mostly be run again; this says when not, and what to do then.
"""

from __future__ import annotations

from collections.abc import Iterable

from functions import names
from functions.aws import errors
from hub.organization.check import Answer, CheckOutcome, Ground, not_checked, ok, problem, warning
from hub.organization.forwarders import strays
from hub.organization.parts import DeployedStack, DeploymentPart, stacks_of
from hub.organization.status import ABSENT, status

_STUCK = {
    "ROLLBACK_FAILED": "delete the stack in CloudFormation, keeping what can't be deleted, then deploy again",
    "DELETE_FAILED": "delete the stack in CloudFormation, keeping what can't be deleted, then deploy again",
    "UPDATE_ROLLBACK_FAILED": "continue the rollback in CloudFormation (aws cloudformation continue-update-rollback), "
    "then deploy again",
}
_REMEDY = (
    "allow cloudformation:DescribeStacks, dynamodb:DescribeTable, s3:ListBucket, sqs:GetQueueUrl, "
    "logs:DescribeLogGroups"
)
_NO_QUEUE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}
"""What SQS says, in its older protocol and in JSON, of a queue that isn't there."""
_MADE_ANEW = {ABSENT, "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"}
"""The CDK deletes what a first deployment that failed left of the stack itself, and makes it anew."""


def state_of(ground: Ground, stack: DeployedStack) -> str:
    """Return a stack's status, or ``absent``; raise what CloudFormation raises."""
    return status(ground.caller.client("cloudformation", stack.region), stack.name)


def exists(ground: Ground, stack: DeployedStack) -> bool:
    """Tell whether a stack is there and is not going to be made anew; raise what CloudFormation raises."""
    return state_of(ground, stack) not in _MADE_ANEW


def states(ground: Ground, stacks: Iterable[DeployedStack]) -> list[Answer]:
    """Check that every stack is in a state that can be deployed from."""
    answers = []
    for stack in stacks:
        try:
            state = state_of(ground, stack)
        except errors.AwsError as error:
            answers.append(not_checked("stacks", error, "allow cloudformation:DescribeStacks"))
            continue
        if state in _STUCK:
            answers.append(problem("stacks", f"{stack.name} in {stack.region} is {state}", _STUCK[state]))
        elif state.endswith("_IN_PROGRESS") and state not in _MADE_ANEW:
            answers.append(problem("stacks", f"{stack.name} in {stack.region} is {state}", "wait until it has ended"))
    return answers or [ok("stacks", "no stack is being changed or stuck")]


def leftovers(ground: Ground) -> list[Answer]:
    """Check, where there is no hub stack, that an earlier one left nothing: otherwise the names are in use."""
    settings = ground.settings
    (hub,) = stacks_of(settings, (DeploymentPart.HUB,))
    try:
        if exists(ground, hub):
            return [ok("leftovers", f"{hub.name} exists, and the resources with its names belong to it")]
        left = remains(ground)
    except errors.AwsError as error:
        return [not_checked("leftovers", error, _REMEDY)]
    remedy = (
        "import them again with cdk import, remove them by hand, or choose another qualifier: see What stays in "
        "docs/rollout.md"
    )
    return [problem("leftovers", f"the {each} exists without the stack {hub.name}", remedy) for each in left] or [
        ok("leftovers", "nothing is left of an earlier deployment")
    ]


def forwarders(ground: Ground) -> list[Answer]:
    """Check that no Region that was removed from the settings still has its forwarder."""
    try:
        found = strays(ground)
    except errors.AwsError as error:
        return [not_checked("forwarders", error, "allow ec2:DescribeRegions")]
    remedy = "see Another Region in docs/rollout.md: name it under regions again, or delete the stack"
    answers = [
        warning("forwarders", f"{stack.name} is in {stack.region}, which the settings don't name", remedy)
        for stack in found.stacks
    ]
    if found.not_asked:
        first = next(iter(found.not_asked.values()))
        sentence = f"AWS did not say whether there is a forwarder in {', '.join(found.not_asked)}: {first}"
        remedy = "allow cloudformation:DescribeStacks there, or look by hand"
        answers.append(Answer("forwarders", CheckOutcome.NOT_CHECKED, sentence, remedy))
    return answers or [ok("forwarders", "no Region beside those of the settings has a forwarder")]


def remains(ground: Ground) -> list[str]:
    """Return what is there of what the hub's stack never deletes; raise what AWS raises."""
    settings, found = ground.settings, []
    table = names.table(settings.qualifier)
    try:
        ground.caller.client("dynamodb").describe_table(TableName=table)
        found.append(f"table {table}")
    except errors.AwsError as error:
        if errors.code(error) != "ResourceNotFoundException":
            raise
    for bucket in (names.policy_bucket, names.evidence_bucket):
        name = bucket(settings.qualifier, settings.hub, settings.home_region)
        try:
            ground.caller.client("s3").head_bucket(Bucket=name)
            found.append(f"bucket {name}")
        except errors.AwsError as error:
            if errors.code(error) not in {"404", "NoSuchBucket"}:
                raise
    letters = names.dead_letters(settings.qualifier)
    try:
        ground.caller.client("sqs").get_queue_url(QueueName=letters)
        found.append(f"queue {letters}")
    except errors.AwsError as error:
        if errors.code(error) not in _NO_QUEUE:
            raise
    pages = ground.caller.client("logs").get_paginator("describe_log_groups")
    for page in pages.paginate(logGroupNamePrefix=names.log_group(settings.qualifier, "")):
        found += [f"log group {group['logGroupName']}" for group in page["logGroups"]]
    return found
