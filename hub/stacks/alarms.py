# SPDX-License-Identifier: Apache-2.0
"""The hub's alarms: findings that are not processed, or late, or not delivered at all.

Twelve metrics in the home Region and one in each other, at 0.10 USD a month each, of which the first ten of an account
are free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from functions import names
from hub.stacks.intake import VISIBILITY_SECONDS, IntakeQueue

LATE_SECONDS = 2 * VISIBILITY_SECONDS
"""A message that failed once is younger than this when it is done at the second try."""

_MINUTE = cdk.Duration.minutes(1)
_RISE_PERIODS = 5
"""Minutes in which a rise is looked for. The newest of them may have no figure yet, which ``FILL`` makes a zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmsProps:
    """Properties of ``Alarms``. ``functions`` by their purpose."""

    qualifier: str
    topic: sns.ITopic
    queue: IntakeQueue
    functions: Mapping[str, lambda_.Function]


class Alarms(Construct):
    """The alarms, each notifying the topic when it begins; each increase of the dead letters begins a new alarm."""

    def __init__(self, scope: Construct, construct_id: str, *, props: AlarmsProps) -> None:
        super().__init__(scope, construct_id)
        self._qualifier = props.qualifier
        self._topic = props.topic
        tell_of_letters(
            self,
            "DeadLetters",
            name=names.alarm(props.qualifier, "dead-letters"),
            letters=props.queue.dead_letters,
            told=(
                "Events could not be delivered or processed in five tries: look into the dead letters, correct the "
                "cause, and redrive them."
            ),
            topic=props.topic,
        )
        self._alarm(
            "late",
            props.queue.queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=_MINUTE),
            f"A finding has been waiting for {LATE_SECONDS // 60} minutes or more.",
            threshold=LATE_SECONDS,
        )
        for purpose, function in props.functions.items():
            for what in ("errors", "throttles"):
                metric = getattr(function, f"metric_{what}")(statistic="Sum", period=_MINUTE)
                self._alarm(f"{purpose}-{what}", metric, f"The {purpose} function has {what}: see its log.")
        self._alarm(
            "undelivered",
            _sum([_failed(rule.ref) for rule in props.queue.rules]),
            "A rule could not put events into the intake queue: look whether all of them are with the dead letters.",
        )

    def _alarm(self, what: str, metric: cloudwatch.IMetric, told: str, *, threshold: int = 1) -> None:
        alarm = cloudwatch.Alarm(
            self,
            what.title().replace("-", ""),
            alarm_name=names.alarm(self._qualifier, what),
            alarm_description=told,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))


def tell_of_letters(
    scope: Construct, construct_id: str, *, name: str, letters: sqs.Queue, told: str, topic: sns.ITopic
) -> None:
    """Tell a topic whenever there are more dead letters than before.

    An alarm on the number itself would go off only for the first letter, as long as that is in the queue. The number of
    messages sent doesn't count messages that a queue moves to its dead letters (SQS developer guide: dead-letter
    queues). A queue without messages has no figures, and a new one has no earlier figure: both count as zero.
    """
    lying = letters.metric_approximate_number_of_messages_visible(statistic="Maximum", period=_MINUTE)
    alarm = cloudwatch.Alarm(
        scope,
        construct_id,
        alarm_name=name,
        alarm_description=told,
        metric=cloudwatch.MathExpression(
            expression="DIFF(FILL(lying, 0))", using_metrics={"lying": lying}, period=_MINUTE
        ),
        threshold=1,
        evaluation_periods=_RISE_PERIODS,
        datapoints_to_alarm=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    alarm.add_alarm_action(actions.SnsAction(topic))


def _failed(rule: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name="FailedInvocations",
        dimensions_map={"RuleName": rule},
        statistic="Sum",
        period=_MINUTE,
    )


def _sum(metrics: Sequence[cloudwatch.Metric]) -> cloudwatch.MathExpression:
    """Return the sum of metrics of which most have no data at all most of the time."""
    used = {f"m{number}": metric for number, metric in enumerate(metrics)}
    expression = " + ".join(f"FILL({name}, 0)" for name in used)
    return cloudwatch.MathExpression(expression=expression, using_metrics=used, period=_MINUTE)
