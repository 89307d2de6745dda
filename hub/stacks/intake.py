# SPDX-License-Identifier: Apache-2.0
"""The intake: rules on the hub's default bus, a queue, and the function behind it.

A batch is one finding: each host has an invocation of its own, and none waits for another. ``MaximumConcurrency`` on
the event source limits them. A failed message comes again after the visibility time-out, five times in all. Then it
goes to the dead-letter queue, for 14 days, and an alarm goes off. Events that a rule can't deliver go there too. The
dead-letter queue outlives the stack, because a person may not have looked at it yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions import names
from hub.stacks.dead_letters import KEPT, after, dead_letter_queue, let_in, rule_arn
from hub.stacks.dialects import DIALECTS, DialectPattern
from hub.stacks.function import TIMEOUT_SECONDS
from hub.stacks.grants import Granted

BATCH = 1
CONCURRENCY = 20
"""Hosts that are worked on at once. A thousand take some minutes, within EC2's limits for an account."""

RECEIVES = 5
VISIBILITY_SECONDS = 6 * TIMEOUT_SECONDS
"""AWS's advice for a queue before a function, six times the time-out: what Lambda throttles isn't received anew."""

WARM_MINUTES = 5
"""How often an empty event keeps one environment warm: its first finding finds clients, bundle and directory loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueProps:
    """Properties of ``IntakeQueue``."""

    qualifier: str


class IntakeQueue(Construct):
    """Rules, queue and dead letters; what the function must exist for comes in ``Feed``."""

    def __init__(self, scope: Construct, construct_id: str, *, props: QueueProps) -> None:
        super().__init__(scope, construct_id)
        stack, qualifier = cdk.Stack.of(self), props.qualifier
        place = f"{stack.region}:{stack.account}"
        self.dead_letters = dead_letter_queue(
            self,
            "DeadLetters",
            name=names.dead_letters(qualifier),
            removal_policy=cdk.RemovalPolicy.RETAIN,
            redrive_allow_policy=sqs.RedriveAllowPolicy(
                redrive_permission=sqs.RedrivePermission.BY_QUEUE,
                source_queues=[
                    sqs.Queue.from_queue_arn(
                        self, "Source", f"arn:{stack.partition}:sqs:{place}:{names.queue(qualifier)}"
                    )
                ],
            ),
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=names.queue(qualifier),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=KEPT,
            visibility_timeout=cdk.Duration.seconds(VISIBILITY_SECONDS),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=RECEIVES, queue=self.dead_letters),
        )
        arns = [rule_arn(stack, names.rule(qualifier, dialect.name)) for dialect in DIALECTS]
        for queue in (self.queue, self.dead_letters):
            let_in(queue, arns)
        self.rules = [self._rule(qualifier, dialect) for dialect in DIALECTS]

    def consuming(self) -> Granted:
        """Return what Lambda needs to take messages on the function's behalf."""
        return Granted(
            iam.PolicyStatement(
                sid="Queue",
                actions=["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
                resources=[self.queue.queue_arn],
            ),
            by_lambda=True,
        )

    def giving_up(self) -> Granted:
        """Return what Lambda needs to put with the dead letters, on the function's behalf, what failed in it."""
        return Granted(
            iam.PolicyStatement(
                sid="DeadLetters", actions=["sqs:SendMessage"], resources=[self.dead_letters.queue_arn]
            ),
            by_lambda=True,
        )

    def _rule(self, qualifier: str, dialect: DialectPattern) -> events.CfnRule:
        rule = events.CfnRule(
            self,
            dialect.name.title().replace("-", ""),
            name=names.rule(qualifier, dialect.name),
            description="Findings of GuardDuty, to the intake queue",
            event_pattern=dialect.pattern,
            targets=[
                events.CfnRule.TargetProperty(
                    id="intake",
                    arn=self.queue.queue_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self.dead_letters.queue_arn),
                )
            ],
        )
        after(rule, self.queue, self.dead_letters)
        return rule


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedProps:
    """Properties of ``Feed``."""

    qualifier: str
    queue: IntakeQueue
    function: lambda_.Function


class Feed(Construct):
    """What brings the queue's messages to the function, and what keeps the function warm."""

    def __init__(self, scope: Construct, construct_id: str, *, props: FeedProps) -> None:
        super().__init__(scope, construct_id)
        self.mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=props.function.function_name,
            event_source_arn=props.queue.queue.queue_arn,
            batch_size=BATCH,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=CONCURRENCY),
        )
        # No dead letters: a warm-up that did not come is nothing to look at.
        warm = events.CfnRule(
            self,
            "Warm",
            name=names.rule(props.qualifier, "keep-warm"),
            description="An empty batch, so that the intake's clients, bundle and directory are loaded",
            schedule_expression=f"rate({WARM_MINUTES} minutes)",
            targets=[
                events.CfnRule.TargetProperty(id="intake", arn=props.function.function_arn, input='{"Records":[]}')
            ],
        )
        lambda_.CfnPermission(
            self,
            "MayWarm",
            action="lambda:InvokeFunction",
            function_name=props.function.function_name,
            principal="events.amazonaws.com",
            source_arn=warm.attr_arn,
        )
