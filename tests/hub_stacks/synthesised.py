# SPDX-License-Identifier: Apache-2.0
"""Templates as CDK makes them, and short ways to look into them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.deployment.model import DeploymentSettings, Detection, Guard

Template = Mapping[str, Any]

EVERYTHING: Mapping[str, Any] = {
    "notify": ("soc@example.com",),
    "operators": ("arn:*:iam::111111111111:role/soc",),
    "detection": Detection(security_hub=True, security_hub_v2=True, guardduty=True),
    "guard": Guard(targets=("ou-abcd-22222222",), break_glass=("arn:*:iam::*:role/break-glass",)),
}
"""Changes to the sample settings by which there is every stack, and everything in each."""


@dataclass(frozen=True)
class Synthesised:
    """What one deployment's settings gave. ``templates`` by the stack's name; ``accepted``: what cdk-nag was told."""

    settings: DeploymentSettings
    templates: Mapping[str, Template]
    files: Mapping[str, Path]
    directory: Path
    code: Path
    found: tuple[str, ...]

    @property
    def hub(self) -> Template:
        return self.templates[f"{self.settings.qualifier}-hub"]

    def resources(self, kind: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Yield stack, logical id and properties of every resource of a type."""
        for stack, template in self.templates.items():
            for name, resource in template["Resources"].items():
                if resource["Type"] == kind:
                    yield stack, name, resource.get("Properties", {})


def of_type(template: Template, kind: str) -> dict[str, Mapping[str, Any]]:
    """Return the properties of a template's resources of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def named(template: Template, kind: str, key: str, value: str) -> Mapping[str, Any]:
    """Return the properties of the only resource of a type whose property has that value."""
    (found,) = [each for each in of_type(template, kind).values() if each.get(key) == value]
    return found


def rises_of(template: Template, alarm: Mapping[str, Any]) -> str:
    """Return the name of the queue whose number of messages an alarm looks at, and assert that it tells every rise.

    The newest of the minutes may be filled by ``FILL`` before its figure has come: one minute alone is too few.
    """
    (expression,) = [each for each in alarm["Metrics"] if "Expression" in each]
    (lying,) = [each for each in alarm["Metrics"] if "MetricStat" in each]
    assert expression["Expression"] == f"DIFF(FILL({lying['Id']}, 0))"
    assert (expression["ReturnData"], lying["ReturnData"]) == (True, False)
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
    assert (alarm["DatapointsToAlarm"], alarm["TreatMissingData"]) == (1, "notBreaching")
    assert alarm["EvaluationPeriods"] > 2
    metric = lying["MetricStat"]["Metric"]
    assert (metric["Namespace"], metric["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    (queue,) = metric["Dimensions"]
    name, _ = queue["Value"]["Fn::GetAtt"]
    return str(template["Resources"][name]["Properties"]["QueueName"])


def text(template: Template, value: Any) -> str:
    """Return a value with its functions resolved, as far as names go: ``arn:aws:sqs:...`` reads ``arn:P:sqs:...``."""
    if isinstance(value, str):
        return value
    if "Ref" in value:
        return _referred(template, value["Ref"])
    if "Fn::GetAtt" in value:
        return _attribute(template, *value["Fn::GetAtt"])
    if "Fn::Join" in value:
        glue, parts = value["Fn::Join"]
        return str(glue).join(text(template, part) for part in parts)
    raise AssertionError(f"a function that is not expected: {value}")


_SPELT = {
    "AWS::SQS::Queue": "sqs:R:A:{QueueName}",
    "AWS::SNS::Topic": "sns:R:A:{TopicName}",
    "AWS::DynamoDB::Table": "dynamodb:R:A:table/{TableName}",
    "AWS::S3::Bucket": "s3:::{BucketName}",
    "AWS::Lambda::Function": "lambda:R:A:function:{FunctionName}",
    "AWS::Events::Rule": "events:R:A:rule/{Name}",
    "AWS::Logs::LogGroup": "logs:R:A:log-group:{LogGroupName}:*",
    "AWS::IAM::Role": "iam::A:role{Path}{RoleName}",
}
_NAMES = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Events::Rule": "Name",
}


def _referred(template: Template, name: str) -> str:
    if name.startswith("AWS::"):
        return {"AWS::Partition": "P"}[name]
    resource = template["Resources"][name]
    if resource["Type"] == "AWS::SNS::Topic":
        return _attribute(template, name, "Arn")
    return str(resource["Properties"][_NAMES[resource["Type"]]])


def _attribute(template: Template, name: str, attribute: str) -> str:
    resource = template["Resources"][name]
    arn = "arn:P:" + _SPELT[resource["Type"]].format(**resource["Properties"])
    return {"Arn": arn, "TopicArn": arn, "StreamArn": f"{arn}/stream/S"}[attribute]


def pretty(template: Template) -> str:
    """Return a template as a reviewer reads it: no hash of the code, and the member template by its name alone."""
    plain = json.loads(json.dumps(template))
    for resource in plain["Resources"].values():
        if resource["Type"] == "AWS::CloudFormation::StackSet":
            resource["Properties"]["TemplateBody"] = "(the member template)"
    lines = json.dumps(plain, indent=2, ensure_ascii=False)
    return re.sub(r"[0-9a-f]{64}", "(hash of the code)", lines) + "\n"
