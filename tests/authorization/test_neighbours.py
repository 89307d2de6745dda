# SPDX-License-Identifier: Apache-2.0
"""The hub guard covers everything that this deployment's templates name, and nothing of another one's beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
import pytest

from functions import names
from hub.authorization.requests import AuthorizationRequest
from hub.deployment.model import DeploymentSettings
from hub.stacks.forwarder import ForwarderStack
from hub.stacks.service_control.hub_guard import hub_guard
from tests.authorization.deployed import HUB, hub_template
from tests.authorization.protected import HUB_PEOPLE, SETTINGS, principal
from tests.authorization.simulator import Case, Policies, simulate
from tests.authorization.test_service_control import ANYTHING

Named = Callable[[Mapping[str, Any], str], tuple[str, str]]
PLACED: Mapping[str, Named] = {
    # type of a resource -> what is tried, and on which ARN (the place is a Region and the account)
    "AWS::CloudWatch::Alarm": lambda made, place: (
        "cloudwatch:DeleteAlarms",
        f"cloudwatch:{place}:alarm:{made['AlarmName']}",
    ),
    "AWS::DynamoDB::Table": lambda made, place: ("dynamodb:DeleteItem", f"dynamodb:{place}:table/{made['TableName']}"),
    "AWS::Events::Rule": lambda made, place: ("events:DisableRule", f"events:{place}:rule/{made['Name']}"),
    "AWS::IAM::Role": lambda made, _: ("iam:DeleteRole", f"iam::{HUB}:role{made['Path']}{made['RoleName']}"),
    "AWS::Lambda::Function": lambda made, place: (
        "lambda:UpdateFunctionCode",
        f"lambda:{place}:function:{made['FunctionName']}",
    ),
    "AWS::Logs::LogGroup": lambda made, place: (
        "logs:DeleteLogGroup",
        f"logs:{place}:log-group:{made['LogGroupName']}",
    ),
    "AWS::S3::Bucket": lambda made, _: ("s3:PutBucketPolicy", f"s3:::{made['BucketName']}"),
    "AWS::SNS::Topic": lambda made, place: ("sns:DeleteTopic", f"sns:{place}:{made['TopicName']}"),
    "AWS::SQS::Queue": lambda made, place: ("sqs:PurgeQueue", f"sqs:{place}:{made['QueueName']}"),
}
WITHOUT_ROOM = ("cloudwatch:", "events:")
"""What the guard names by the qualifier's beginning alone."""


def _forwarder(settings: DeploymentSettings, region: str) -> Mapping[str, Any]:
    app = cdk.App(analytics_reporting=False)
    ForwarderStack(app, "Forwarder", settings=settings, region=region)
    stack = names.stack(settings.qualifier, f"forwarder-{region}")
    template: Mapping[str, Any] = app.synth().get_stack_by_name(stack).template
    return template


def _asked(settings: DeploymentSettings) -> list[AuthorizationRequest]:
    templates = {"eu-west-1": hub_template(settings), "us-east-1": _forwarder(settings, "us-east-1")}
    found = [
        PLACED[resource["Type"]](resource["Properties"], f"{region}:{HUB}")
        for region, template in templates.items()
        for resource in template["Resources"].values()
        if resource["Type"] in PLACED
    ]
    stacks = ("hub", "members", "detection", "forwarder-us-east-1")
    found += [
        ("cloudformation:UpdateStack", f"cloudformation:eu-west-1:{HUB}:stack/{settings.qualifier}-{each}/0a1b")
        for each in stacks
    ]
    return [AuthorizationRequest(action, f"arn:aws:{arn}", {}) for action, arn in found]


def _allowed(requests: list[AuthorizationRequest]) -> list[bool]:
    under = Policies(identity=(ANYTHING,), guards=((ANYTHING, hub_guard(SETTINGS)),))
    return simulate([Case(each, principal(HUB_PEOPLE["administrator"], HUB), under) for each in requests])


def test_everything_that_is_deployed_is_guarded() -> None:
    requests = _asked(SETTINGS)
    assert {each.action for each in requests} > {"sqs:PurgeQueue", "lambda:UpdateFunctionCode", "sns:DeleteTopic"}
    assert [each for each, may in zip(requests, _allowed(requests), strict=True) if may] == []


@pytest.mark.parametrize("qualifier", ["cordon-staging", "my-cordon", "cordon2"])
def test_nothing_of_another_deployment_is(qualifier: str) -> None:
    requests = [
        each for each in _asked(replace(SETTINGS, qualifier=qualifier)) if not each.action.startswith(WITHOUT_ROOM)
    ]
    assert [each for each, may in zip(requests, _allowed(requests), strict=True) if not may] == []
