# SPDX-License-Identifier: Apache-2.0
"""Who acts in the lab's tests: hosts, findings about them, and principals with roles of their own. Never as root."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from types import MappingProxyType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions import names
from functions.aws.roles import session_policy
from functions.finding.model import Target
from functions.incident.ids import new_incident
from functions.steps.registry import contain_actions, release_actions
from hub.lab import door
from hub.lab.findings import aimed, send
from hub.lab.follow import Followed, LabIntake
from hub.lab.hosts import HostBuilder, LabHost, look
from hub.lab.lab import Lab
from hub.lab.synthesis import OPERATORS
from hub.simulation.envelopes import enveloped

ROOT = Path(__file__).parents[2]
PAYMENTS = "444455556666"
"""The account whose policy is to enforce."""

_EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

Keys = Mapping[str, str]


def denied(error: ClientError) -> str:
    """Return the message of a refusal by IAM; fail for any other error."""
    told = error.response["Error"]
    assert told["Code"] in {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}, told
    return str(told["Message"])


@dataclass(frozen=True)
class LabFixture:
    lab: Lab

    @property
    def hub(self) -> str:
        return self.lab.world.hub

    @property
    def region(self) -> str:
        return self.lab.world.home_region

    def builder(self, account: str = PAYMENTS, region: str | None = None) -> HostBuilder:
        return HostBuilder(self.lab.clients, account, region or self.region)

    def new_host(self, account: str = PAYMENTS, region: str | None = None) -> LabHost:
        builder = self.builder(account, region)
        web, database = builder.group("web", 443), builder.group("database", 5432)
        return builder.host("target", ((web,), (database, web)), volumes=2)

    def now(self, host: LabHost) -> LabHost:
        """Return a host as it is now."""
        ec2 = self.lab.clients.root("ec2", host.account, host.region)
        return look(ec2, host.account, host.region, host.instance)

    def notices(self) -> Notices:
        """Return a queue that hears what people are told from now on."""
        return Notices(self)

    def finding(self, file: str, host: LabHost) -> dict[str, Any]:
        """Read a finding of the repository's and let it be about a host of the lab's."""
        found = json.loads((ROOT / file).read_text(encoding="utf-8"))
        return aimed(enveloped(found, "event"), Target("aws", host.account, host.region, host.instance))

    def report(self, file: str, host: LabHost) -> Followed:
        """Report a finding about a host and wait until the intake is done with it."""
        envelope = self.finding(file, host)
        about = door.about(self.lab.endpoint)
        intake = LabIntake(self.lab.clients, about)
        sent = send(self.lab.clients, about, envelope)
        return intake.follow(sent.named.finding)

    def admin(self, account: str) -> Keys:
        """Return the keys of an account's administrator: a role that may do everything there."""
        return self.role(account, "administrator", _EVERYTHING)

    def role(
        self,
        account: str,
        name: str,
        policy: Mapping[str, Any],
        path: str = "/",
        how: Mapping[str, Any] = MappingProxyType({}),
    ) -> Keys:
        """Make a role that its account's principals may assume, and return keys of it; ``how`` it is assumed."""
        iam = self.lab.clients.root("iam", account, self.region)
        trust = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        }
        try:
            iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        except iam.exceptions.EntityAlreadyExistsException:
            pass
        else:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
        sts = self.lab.clients.root("sts", account, self.region)
        answer = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role{path}{name}", RoleSessionName="test", **how)
        credentials: Keys = answer["Credentials"]
        return credentials

    def operator(self) -> Keys:
        """Return keys of the operator's role, as somebody has them who may assume it."""
        somebody = self.client("sts", self.role(self.hub, OPERATORS, _EVERYTHING))
        qualifier = self.lab.world.qualifier
        role = names.iam_path(qualifier) + names.hub_role(qualifier, names.OPERATOR)
        answer = somebody.assume_role(RoleArn=f"arn:aws:iam::{self.hub}:role{role}", RoleSessionName="test")
        credentials: Keys = answer["Credentials"]
        return credentials

    def function(self, purpose: str) -> Keys:
        """Return the keys with which one of the hub's functions runs."""
        return door.function_keys(
            self.lab.endpoint, self.hub, self.region, names.function(self.lab.world.qualifier, purpose)
        )

    def client(self, service: str, keys: Keys, region: str | None = None) -> Any:
        return self.lab.clients.assumed(service, keys, region or self.region)

    def entry(self, host: LabHost, purpose: str = names.CONTAIN) -> Entry:
        """Return what the hub's function says to enter a member role for a host."""
        incident = new_incident(datetime.now(UTC), SystemRandom())
        target = Target("aws", host.account, host.region, host.instance)
        actions = contain_actions(changing=True) if purpose == names.CONTAIN else release_actions()
        settings = self.lab.settings
        return Entry(
            self,
            {
                "RoleArn": settings.role_arn("aws", host.account, purpose),
                "RoleSessionName": incident,
                "ExternalId": settings.external_id(host.account),
                "SourceIdentity": incident,
                "Tags": [{"Key": names.incident_tag(settings.qualifier), "Value": incident}],
                "DurationSeconds": 900,
                "Policy": session_policy(target, actions, purpose=purpose),
            },
        )


class Notices:
    """A queue that is subscribed to the topic, as a person's mailbox would be."""

    def __init__(self, lab_fixture: LabFixture) -> None:
        root = lab_fixture.lab.clients.root
        self._sqs = root("sqs", lab_fixture.hub, lab_fixture.region)
        self._queue = self._sqs.create_queue(QueueName="mailbox")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": json.dumps({"Statement": [allow]})})
        root("sns", lab_fixture.hub, lab_fixture.region).subscribe(
            TopicArn=lab_fixture.lab.settings.topic, Protocol="sqs", Endpoint=arn
        )

    def until(self, text: str) -> str:
        """Return the first notice with that text in it; fail if none comes."""
        for _ in range(20):
            answer = self._sqs.receive_message(QueueUrl=self._queue, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                if text in message["Body"]:
                    return str(message["Body"])
        pytest.fail(f"no notice has {text}")


@dataclass(frozen=True)
class Entry:
    """A call of AssumeRole that would be right; ``but`` and ``without`` make it wrong."""

    lab_fixture: LabFixture
    parameters: Mapping[str, Any]

    def but(self, **changes: Any) -> Entry:
        return replace(self, parameters={**self.parameters, **changes})

    def without(self, *left_out: str) -> Entry:
        return replace(self, parameters={k: v for k, v in self.parameters.items() if k not in left_out})

    def by(self, keys: Keys) -> Keys:
        credentials: Keys = self.lab_fixture.client("sts", keys).assume_role(**self.parameters)["Credentials"]
        return credentials
