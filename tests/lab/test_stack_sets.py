# SPDX-License-Identifier: Apache-2.0
"""Stack sets of the lab: who may make them, whom they reach, and that what fails in an account is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.lab.assembly import SynthesizedStack
from hub.lab.deploy import deploy
from hub.lab.errors import DeploymentError
from tests.lab.fixture import PAYMENTS, LabFixture

pytestmark = pytest.mark.lab


def member_template(queue: str) -> str:
    return json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": queue}}}})


def secret_template() -> str:
    """Return a template that CloudFormation takes and can't make: it makes no SecureStrings."""
    properties = {"Type": "SecureString", "Value": "secret"}
    return json.dumps({"Resources": {"Secret": {"Type": "AWS::SSM::Parameter", "Properties": properties}}})


class StackSets:
    def __init__(self, lab_fixture: LabFixture) -> None:
        self.lab_fixture = lab_fixture
        organizations = lab_fixture.lab.clients.root(
            "organizations", lab_fixture.lab.world.ours.management, lab_fixture.region
        )
        self.root = organizations.list_roots()["Roots"][0]["Id"]

    def deploy(self, name: str, body: str, **changes: Any) -> None:
        account = changes.pop("account", self.lab_fixture.hub)
        properties = {
            "StackSetName": name,
            "PermissionModel": "SERVICE_MANAGED",
            "CallAs": "DELEGATED_ADMIN",
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "TemplateBody": body,
            "StackInstancesGroup": [
                {"DeploymentTargets": {"OrganizationalUnitIds": [self.root]}, "Regions": [self.lab_fixture.region]}
            ],
            **changes,
        }
        resource = {"Type": "AWS::CloudFormation::StackSet", "Properties": properties}
        template = json.dumps({"Resources": {"Set": resource}})
        stack = SynthesizedStack(name, account, self.lab_fixture.region, template, tags={}, assets=())
        deploy(self.lab_fixture.lab.clients, [stack], lambda _: None)

    def queues(self, account: str) -> list[str]:
        found = self.lab_fixture.client("sqs", self.lab_fixture.admin(account)).list_queues().get("QueueUrls", [])
        return [url.rpartition("/")[2] for url in found]


@pytest.fixture
def stack_sets(lab_fixture: LabFixture) -> StackSets:
    return StackSets(lab_fixture)


def test_every_member_is_reached_and_the_management_account_is_not(
    lab_fixture: LabFixture, stack_sets: StackSets
) -> None:
    stack_sets.deploy("everywhere", member_template("everywhere"))
    ours = lab_fixture.lab.world.ours
    assert all("everywhere" in stack_sets.queues(account) for account in ours.members)
    assert "everywhere" not in stack_sets.queues(ours.management)


def test_an_update_reaches_them_too(stack_sets: StackSets) -> None:
    stack_sets.deploy("changing", member_template("before"))
    stack_sets.deploy("changing", member_template("after"))
    assert "after" in stack_sets.queues(PAYMENTS)


def test_what_fails_in_an_account_is_told(lab_fixture: LabFixture, stack_sets: StackSets) -> None:
    with pytest.raises(DeploymentError) as caught:
        stack_sets.deploy("failing", secret_template())
    assert "stack failing is" in str(caught.value)
    assert all(account in str(caught.value) for account in lab_fixture.lab.world.ours.members)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"CallAs": "SELF"}, "as DELEGATED_ADMIN"),
        ({"account": PAYMENTS}, "no delegated administrator"),
        ({"PermissionModel": "SELF_MANAGED"}, "service-managed"),
    ],
)
def test_a_call_that_aws_would_refuse_is_refused(stack_sets: StackSets, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DeploymentError, match=told):
        stack_sets.deploy("refused", member_template("refused"), **changes)
