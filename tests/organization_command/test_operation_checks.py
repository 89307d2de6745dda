# SPDX-License-Identifier: Apache-2.0
"""The checks whether anybody will be told, and whether Cordon may act."""

from __future__ import annotations

import pytest

from hub.organization.checks import operation
from tests.organization_command.answering import HUB, Answering
from tests.organization_command.test_checks import OK, WARNING, Standings, said

ADDRESSES = ("soc@example.com", "night@example.com")


def subscribed(aws: Answering, region: str, **addresses: str) -> None:
    found = [{"Endpoint": f"{name}@example.com", "SubscriptionArn": arn} for name, arn in addresses.items()]
    asked = {"TopicArn": f"arn:aws:sns:{region}:{HUB}:cordon-notifications"}
    aws.says("sns", "list_subscriptions_by_topic", {"Subscriptions": found}, asked, region=region)


def test_no_addresses(standing_on: Standings) -> None:
    ground, _ = standing_on()
    assert said(operation.notices(ground)) == [
        (WARNING, "no one gets notifications of incidents and alarms: notify is empty")
    ]


def test_who_has_not_confirmed(standing_on: Standings) -> None:
    ground, aws = standing_on(notify=ADDRESSES)
    subscribed(aws, "eu-west-1", soc="arn:aws:sns:any", night="PendingConfirmation")
    subscribed(aws, "us-east-1", night="arn:aws:sns:any")
    assert said(operation.notices(ground)) == [
        (WARNING, "night@example.com has not confirmed in eu-west-1: nothing is sent there"),
        (WARNING, "soc@example.com has not confirmed in us-east-1: nothing is sent there"),
    ]


def test_everybody_has_confirmed_where_there_is_a_topic(standing_on: Standings) -> None:
    ground, aws = standing_on(notify=ADDRESSES)
    subscribed(aws, "eu-west-1", soc="arn:aws:sns:any", night="arn:aws:sns:any")
    aws.refuses("sns", "list_subscriptions_by_topic", "NotFound", region="us-east-1")
    assert said(operation.notices(ground)) == [(OK, "all addresses have confirmed in eu-west-1")]


def test_there_is_no_topic_yet(standing_on: Standings) -> None:
    ground, aws = standing_on(notify=ADDRESSES)
    for region in ground.settings.regions:
        aws.refuses("sns", "list_subscriptions_by_topic", "NotFound", region=region)
    assert said(operation.notices(ground)) == [(OK, "each address will be asked to confirm")]


@pytest.mark.parametrize(
    ("off", "expected", "remedy"),
    [
        ((), (OK, "nothing is switched off"), ""),
        (
            ("/Workloads", "organization"),
            (WARNING, "switched off, observed only: /Workloads, organization"),
            "cordon switch on organization",
        ),
        (("/Workloads",), (WARNING, "switched off, observed only: /Workloads"), "cordon switch on /Workloads"),
    ],
)
def test_what_is_switched_off(
    standing_on: Standings, off: tuple[str, ...], expected: tuple[object, str], remedy: str
) -> None:
    ground, aws = standing_on()
    aws.says("dynamodb", "get_item", {"Item": {"switched_off": {"SS": list(off)}}} if off else {})
    (answer,) = operation.kill_switch(ground)
    assert (answer.outcome, answer.sentence, answer.remedy) == (*expected, remedy)


def test_there_is_no_table_yet(standing_on: Standings) -> None:
    ground, aws = standing_on()
    aws.refuses("dynamodb", "get_item", "ResourceNotFoundException")
    assert said(operation.kill_switch(ground)) == [(OK, "nothing is switched off: there is no table yet")]
