# SPDX-License-Identifier: Apache-2.0
"""In every other Region: findings that Security Hub does not bring to the home Region are forwarded to its bus.

GuardDuty's own events stay in their Region, and it is not documented whether V2 events of linked Regions arrive; events
that arrive twice are merged. Classic findings come by Security Hub's aggregation. The home Region's bus needs no
policy: the sender's role alone allows an event from the same account, and that role may put events only on that bus.

Events that can't be forwarded wait here: EventBridge takes only a queue of the rule's own Region for dead letters, and
an alarm can notify only a topic of its own Region.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions import names
from hub.deployment.model import DeploymentSettings
from hub.stacks.acknowledged import acknowledge
from hub.stacks.alarms import tell_of_letters
from hub.stacks.dead_letters import after, dead_letter_queue, let_in, rule_arn
from hub.stacks.dialects import DIALECTS
from hub.stacks.notices import Notices, NoticesProps
from hub.stacks.placement import placed


class ForwarderStack(cdk.Stack):
    """The rules of one Region, the role by which they reach the home Region's bus, and the alarm for failures."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: DeploymentSettings, region: str) -> None:
        super().__init__(
            scope,
            construct_id,
            description=f"Cordon: forwards findings to {settings.home_region}",
            synthesizer=cdk.BootstraplessSynthesizer(),
            **placed(settings, f"forwarder-{region}", region=region),
        )
        qualifier = settings.qualifier
        bus = f"arn:{self.partition}:events:{settings.home_region}:{settings.hub}:event-bus/default"
        forwarded = [dialect for dialect in DIALECTS if not dialect.travels]
        rules = [rule_arn(self, names.rule(qualifier, f"forward-{each.name}")) for each in forwarded]
        role = iam.Role(
            self,
            "Role",
            role_name=names.hub_role(qualifier, f"forwarder-{region}"),
            path=names.iam_path(qualifier),
            assumed_by=iam.ServicePrincipal(
                "events.amazonaws.com",
                conditions={
                    "ArnEquals": {"aws:SourceArn": rules},
                    "StringEquals": {"aws:SourceAccount": settings.hub},
                },
            ),
            inline_policies={
                "forward": iam.PolicyDocument(
                    statements=[iam.PolicyStatement(sid="HomeBus", actions=["events:PutEvents"], resources=[bus])]
                )
            },
        )
        # Goes with the stack, so that no Region that is given up keeps its name: GuardDuty has the finding for 90 days.
        letters = dead_letter_queue(
            self,
            "DeadLetters",
            name=names.not_forwarded(qualifier),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        acknowledge(letters, "SQS3", "This is the dead-letter queue; its events come from rules, not from a queue.")
        let_in(letters, rules)
        for dialect in forwarded:
            rule = events.CfnRule(
                self,
                dialect.name.title().replace("-", ""),
                name=names.rule(qualifier, f"forward-{dialect.name}"),
                description=f"Findings of GuardDuty, to {settings.home_region}",
                event_pattern=dialect.pattern,
                targets=[
                    events.CfnRule.TargetProperty(
                        id="home",
                        arn=bus,
                        role_arn=role.role_arn,
                        dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=letters.queue_arn),
                    )
                ],
            )
            after(rule, letters)
        notices = Notices(self, "Notices", props=NoticesProps(qualifier=qualifier, addresses=settings.notify))
        tell_of_letters(
            self,
            "DeadLettersAlarm",
            name=names.alarm(qualifier, "not-forwarded"),
            letters=letters,
            told=(
                f"Findings of {region} could not be forwarded: look there into "
                f"{names.not_forwarded(qualifier)}, correct the cause, and put its events into "
                f"{names.queue(qualifier)} in {settings.home_region}."
            ),
            topic=notices.topic,
        )
