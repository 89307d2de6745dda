# SPDX-License-Identifier: Apache-2.0
"""The policies as they stand once the templates are deployed: read from the templates, with nothing left to resolve."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from functions import names
from hub.deployment.model import DeploymentSettings
from tests.authorization.simulator import Policy
from tests.deployment.made import settings

SETTINGS = settings()
SETTINGS = replace(SETTINGS, rollout=replace(SETTINGS.rollout, identity=True))
HUB = SETTINGS.hub
Q = SETTINGS.qualifier

_ARNS = {
    # resource type -> its ARN, from account and properties
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{TableName}",
    "AWS::IAM::ManagedPolicy": "iam::{account}:policy{Path}{ManagedPolicyName}",
    "AWS::IAM::Role": "iam::{account}:role{Path}{RoleName}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{FunctionName}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{LogGroupName}:*",
    "AWS::S3::Bucket": "s3:::{BucketName}",
    "AWS::SNS::Topic": "sns:{region}:{account}:{TopicName}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{QueueName}",
}


@dataclass(frozen=True)
class Deployed:
    """A template as it is deployed in an account."""

    template: Mapping[str, Any]
    account: str
    partition: str = "aws"

    def resolved(self, value: Any) -> Any:
        """Return a value without CloudFormation's functions."""
        if isinstance(value, list):
            return [self.resolved(each) for each in value]
        if not isinstance(value, Mapping):
            return value
        match list(value.items()):
            case [("Ref", name)]:
                return self._pseudo(name) if name.startswith("AWS::") else self._arn(name)
            case [("Fn::GetAtt", [name, _])]:
                return self._arn(name)
            case [("Fn::Join", [glue, parts])]:
                return glue.join(self.resolved(part) for part in parts)
            case [("Fn::Sub", text)]:
                for name in ("AWS::AccountId", "AWS::Partition", "AWS::Region"):
                    text = text.replace(f"${{{name}}}", self._pseudo(name))
                return text
        return {key: self.resolved(each) for key, each in value.items()}

    def role(self, name: str) -> Mapping[str, Any]:
        """Return a role's properties."""
        (found,) = [
            each["Properties"]
            for each in self.template["Resources"].values()
            if each["Type"] == "AWS::IAM::Role" and each["Properties"].get("RoleName") == name
        ]
        return found

    def policies(self, name: str) -> tuple[Policy, ...]:
        """Return every policy that a role has."""
        role = self.role(name)
        inline = [each["PolicyDocument"] for each in role.get("Policies", [])]
        attached = [self._document(each) for each in role.get("ManagedPolicyArns", [])]
        return tuple(self.resolved(each) for each in [*inline, *attached])

    def boundary(self, name: str) -> Policy | None:
        """Return a role's permission boundary."""
        limit = self.role(name).get("PermissionsBoundary")
        return None if limit is None else self.resolved(self._document(limit))

    def trust(self, name: str) -> Policy:
        """Return whom a role trusts."""
        found: Policy = self.resolved(self.role(name)["AssumeRolePolicyDocument"])
        return found

    def _document(self, reference: Mapping[str, str]) -> Any:
        return self.template["Resources"][reference["Ref"]]["Properties"]["PolicyDocument"]

    def _pseudo(self, name: str) -> str:
        return {
            "AWS::AccountId": self.account,
            "AWS::Partition": self.partition,
            "AWS::Region": SETTINGS.home_region,
        }[name]

    def _arn(self, name: str) -> str:
        resource = self.template["Resources"][name]
        rest = _ARNS[resource["Type"]].format(
            region=SETTINGS.home_region, account=self.account, **resource["Properties"]
        )
        return f"arn:{self.partition}:{rest}"


@functools.cache
def member_template() -> Mapping[str, Any]:
    """Return the member template, with everything that is opt-in."""
    from member_stacks.props import MemberProps
    from member_stacks.template import member_template as made

    return made(
        MemberProps(
            qualifier=Q,
            organization=SETTINGS.organization,
            hub_account=HUB,
            forensics_account=SETTINGS.forensics,
            regions=SETTINGS.regions,
            identity=True,
        )
    )


@functools.cache
def hub_template(settings: DeploymentSettings = SETTINGS) -> Mapping[str, Any]:
    """Return the template of the hub."""
    import aws_cdk as cdk

    from hub.stacks.hub import HubStack

    with tempfile.TemporaryDirectory() as directory:
        code = Path(directory) / "code"
        code.mkdir()
        (code / "empty.py").touch()
        app = cdk.App(outdir=f"{directory}/out", analytics_reporting=False)
        HubStack(app, "Hub", settings=settings, code=code)
        template: Mapping[str, Any] = app.synth().get_stack_by_name(names.stack(settings.qualifier, "hub")).template
    return template
