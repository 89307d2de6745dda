# SPDX-License-Identifier: Apache-2.0
"""IAM's language as the lab evaluates it: what ministack leaves short and the lab adds, each allowed and denied once.

Every case is a role with one policy that allows making queues on a condition, and a session that meets it or doesn't.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hub.lab.organization import STRANGER
from tests.lab.fixture import PAYMENTS, LabFixture, denied

pytestmark = pytest.mark.lab

ORGANIZATION = "o-exampleorgid"
TEAM = [{"Key": "team", "Value": "red"}]

Case = tuple[str, Mapping[str, Mapping[str, Any]], str, Mapping[str, Any], bool]

CASES: Mapping[str, Case] = {
    # resource, condition, account, how the session was made, allowed
    "a variable in the resource": ("${aws:PrincipalTag/team}-*", {}, PAYMENTS, {"Tags": TEAM}, True),
    "another value in the resource": (
        "${aws:PrincipalTag/team}-*",
        {},
        PAYMENTS,
        {"Tags": [{**TEAM[0], "Value": "blue"}]},
        False,
    ),
    "no value for the resource": ("${aws:PrincipalTag/team}-*", {}, PAYMENTS, {}, False),
    "a default for the resource": ("${aws:PrincipalTag/team, 'red'}-*", {}, PAYMENTS, {}, True),
    "a variable in a condition": (
        "*",
        {"StringEquals": {"aws:SourceIdentity": "${aws:PrincipalTag/team}"}},
        PAYMENTS,
        {"Tags": TEAM, "SourceIdentity": "red"},
        True,
    ),
    "another value in a condition": (
        "*",
        {"StringEquals": {"aws:SourceIdentity": "${aws:PrincipalTag/team}"}},
        PAYMENTS,
        {"Tags": TEAM, "SourceIdentity": "blue"},
        False,
    ),
    "no source identity": ("*", {"StringLike": {"aws:SourceIdentity": "*"}}, PAYMENTS, {}, False),
    "the organisation": ("*", {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}}, PAYMENTS, {}, True),
    "another organisation": ("*", {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}}, STRANGER, {}, False),
    "the organisation of the resource": (
        "*",
        {"StringEquals": {"aws:ResourceOrgID": ORGANIZATION}},
        PAYMENTS,
        {},
        True,
    ),
    "a resource of another organisation": (
        "*",
        {"StringEquals": {"aws:ResourceOrgID": ORGANIZATION}},
        STRANGER,
        {},
        False,
    ),
    "an OU's accounts": (
        "*",
        {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": f"{ORGANIZATION}/r-*/ou-*/*"}},
        PAYMENTS,
        {},
        True,
    ),
    "accounts of another OU": (
        "*",
        {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": f"{ORGANIZATION}/r-*/ou-*/*"}},
        STRANGER,
        {},
        False,
    ),
    "no service": ("*", {"Bool": {"aws:PrincipalIsAWSService": "true"}}, PAYMENTS, {}, False),
    "a person": (
        "*",
        {"Bool": {"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"}},
        PAYMENTS,
        {},
        True,
    ),
    "no function": ("*", {"Null": {"lambda:SourceFunctionArn": "false"}}, PAYMENTS, {}, False),
    "loopback as TLS": ("*", {"Bool": {"aws:SecureTransport": "true"}}, PAYMENTS, {}, True),
}


@pytest.mark.parametrize("case", CASES)
def test_a_condition_holds_or_does_not(lab_fixture: LabFixture, case: str) -> None:
    resource, condition, account, how, allowed = CASES[case]
    name = "case-" + case.replace(" ", "-").replace("'", "")
    statement = {
        "Effect": "Allow",
        "Action": "sqs:CreateQueue",
        "Resource": f"arn:aws:sqs:*:*:{resource}",
        "Condition": condition,
    }
    keys = lab_fixture.role(account, name, {"Statement": [statement]}, how=how)
    sqs = lab_fixture.client("sqs", keys)
    if allowed:
        assert sqs.create_queue(QueueName="red-queue")["QueueUrl"]
        return
    with pytest.raises(ClientError) as caught:
        sqs.create_queue(QueueName="red-queue")
    assert "sqs:createqueue" in denied(caught.value).lower()


@pytest.mark.parametrize(("name", "allowed"), [("by-path", True), ("other-path", False)])
def test_the_callers_arn_is_that_of_its_role(lab_fixture: LabFixture, name: str, allowed: bool) -> None:
    condition = {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{PAYMENTS}:role/team/by-path"}}
    policy = {"Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Condition": condition}]}
    sqs = lab_fixture.client("sqs", lab_fixture.role(PAYMENTS, name, policy, "/team/"))
    if allowed:
        assert sqs.create_queue(QueueName="by-path")["QueueUrl"]
    else:
        with pytest.raises(ClientError) as caught:
            sqs.create_queue(QueueName="by-path")
        denied(caught.value)


def test_what_the_lab_does_not_know_of_ec2_is_refused(lab_fixture: LabFixture) -> None:
    admin = lab_fixture.client("ec2", lab_fixture.admin(PAYMENTS))
    with pytest.raises(ClientError) as caught:
        admin.create_vpc(CidrBlock="10.0.0.0/16")
    assert "doesn't know" in denied(caught.value)
    assert lab_fixture.lab.clients.root("ec2", PAYMENTS, lab_fixture.region).create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]


def test_a_boundary_of_the_template_bounds(lab_fixture: LabFixture) -> None:
    iam = lab_fixture.client("iam", lab_fixture.admin(PAYMENTS))
    for purpose in ("contain", "release"):
        role = iam.get_role(RoleName=f"cordon-{purpose}")["Role"]
        boundary = role["PermissionsBoundary"]["PermissionsBoundaryArn"]
        assert boundary == f"arn:aws:iam::{PAYMENTS}:policy/cordon/cordon-boundary"
        document = iam.get_policy_version(PolicyArn=boundary, VersionId="v1")["PolicyVersion"]["Document"]
        assert json.dumps(document)
