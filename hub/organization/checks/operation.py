# SPDX-License-Identifier: Apache-2.0
"""Whether notifications reach people, and whether Cordon may act: a deployment succeeds without both."""

from __future__ import annotations

from functions import names
from functions.aws import errors
from functions.organization.control import ORGANIZATION
from hub.organization.check import Answer, CheckOutcome, Ground, not_checked, ok, warning
from hub.organization.errors import NotThereError, OrganizationError
from hub.organization.hub_account import HubAccount
from hub.organization.switch import switched_off

_PENDING = "PendingConfirmation"


def notices(ground: Ground) -> list[Answer]:
    """Check that there are addresses, and that each has confirmed in every Region that has the topic."""
    settings = ground.settings
    if not settings.notify:
        sentence = "no one gets notifications of incidents and alarms: notify is empty"
        return [warning("notices", sentence, "name e-mail addresses under notify in config/deployment.yaml")]
    answers, asked = [], []
    for region in settings.regions:
        try:
            subscribed = _subscribed(ground, region)
        except errors.AwsError as error:
            if errors.code(error) != "NotFound":
                answers.append(not_checked("notices", error, "allow sns:ListSubscriptionsByTopic"))
            continue  # the topic is yet to be made
        asked.append(region)
        for address in settings.notify:
            if subscribed.get(address, _PENDING) == _PENDING:
                sentence = f"{address} has not confirmed in {region}: nothing is sent there"
                remedy = "follow the link in the mail from Amazon SNS; after three days deploy again for a new one"
                answers.append(warning("notices", sentence, remedy))
    well = f"all addresses have confirmed in {', '.join(asked)}" if asked else "each address will be asked to confirm"
    return answers or [ok("notices", well)]


def _subscribed(ground: Ground, region: str) -> dict[str, str]:
    settings = ground.settings
    topic = f"arn:{ground.caller.partition}:sns:{region}:{settings.hub}:{names.topic(settings.qualifier)}"
    pages = ground.caller.client("sns", region).get_paginator("list_subscriptions_by_topic")
    return {
        each["Endpoint"]: each["SubscriptionArn"]
        for page in pages.paginate(TopicArn=topic)
        for each in page["Subscriptions"]
    }


def kill_switch(ground: Ground) -> list[Answer]:
    """Check that nothing is switched off, for example by an earlier removal or emergency."""
    try:
        off = switched_off(HubAccount(ground.settings, ground.caller))
    except NotThereError:
        return [ok("switch", "nothing is switched off: there is no table yet")]
    except OrganizationError as error:
        return [Answer("switch", CheckOutcome.NOT_CHECKED, str(error), "allow dynamodb:GetItem on the table")]
    if not off:
        return [ok("switch", "nothing is switched off")]
    scope = ORGANIZATION if ORGANIZATION in off else off[0]
    return [warning("switch", f"switched off, observed only: {', '.join(off)}", f"cordon switch on {scope}")]
