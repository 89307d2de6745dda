# SPDX-License-Identifier: Apache-2.0
"""The queue of events that could not be delivered or processed, until a person has looked at them.

EventBridge drops an event at once where a permission or the target is missing, and after a day where the target
doesn't take it (EventBridge user guide: dead-letter queues), unless the target has such a queue.
"""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

KEPT = cdk.Duration.days(14)
"""As long as SQS keeps anything."""


def dead_letter_queue(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    removal_policy: cdk.RemovalPolicy,
    redrive_allow_policy: sqs.RedriveAllowPolicy | None = None,
) -> sqs.Queue:
    """Return a queue for what failed."""
    return sqs.Queue(
        scope,
        construct_id,
        queue_name=name,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=KEPT,
        redrive_allow_policy=redrive_allow_policy,
        removal_policy=removal_policy,
    )


def rule_arn(stack: cdk.Stack, name: str) -> str:
    """Return the ARN of a rule by its name, so that a policy can name a rule that isn't there yet."""
    return f"arn:{stack.partition}:events:{stack.region}:{stack.account}:rule/{name}"


def let_in(queue: sqs.Queue, rules: Sequence[str]) -> None:
    """Let the rules of these ARNs send to a queue.

    EventBridge names the rule in every delivery. The account is in the rule's ARN already: were its key ever absent,
    findings must still come in.
    """
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            sid="Rules",
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={
                "ArnEquals": {"aws:SourceArn": list(rules)},
                "StringEqualsIfExists": {"aws:SourceAccount": cdk.Stack.of(queue).account},
            },
        )
    )


def after(rule: events.CfnRule, *queues: sqs.Queue) -> None:
    """Make a rule after the queues' policies: what it matched before them would be dropped."""
    rule.node.add_dependency(*queues)
