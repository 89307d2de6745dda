# SPDX-License-Identifier: Apache-2.0
"""Notifications: one topic, for incidents, for alarms and for every change of the control record.

Every Region that forwards has another topic for its alarm: an alarm can't notify a topic of another Region.

The topics have no key of ours: SNS encrypts by itself what it stores, Security Hub retired its control that asked for a
key (SNS.1, 2024), and a key would have to be opened to CloudWatch as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from functions import names


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesProps:
    """Properties of ``Notices``. ``addresses``: e-mail addresses; each has to confirm once."""

    qualifier: str
    addresses: Sequence[str]


class Notices(Construct):
    """The topic and who hears it."""

    def __init__(self, scope: Construct, construct_id: str, *, props: NoticesProps) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        self.topic = sns.Topic(self, "Topic", topic_name=names.topic(props.qualifier), enforce_ssl=True)
        place = f"{stack.region}:{stack.account}"
        alarms = f"arn:{stack.partition}:cloudwatch:{place}:alarm:{names.alarm(props.qualifier, '*')}"
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Alarms",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={
                    "ArnLike": {"aws:SourceArn": alarms},
                    "StringEquals": {"aws:SourceAccount": stack.account},
                },
            )
        )
        for address in props.addresses:
            self.topic.add_subscription(subscriptions.EmailSubscription(address))
