# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hub.simulation.simulation import Simulation
from hub.simulation.world_spec import MANAGEMENT, Profile
from tests.simulation.worlds import ACCOUNT, INSTANCE, assume, client_with, instance, refusal, world


def test_assumed_credentials_reach_the_member_account_and_expire() -> None:
    with Simulation(world()) as simulation:
        answer = assume(simulation, DurationSeconds=900, SourceIdentity="inc-1", Tags=[{"Key": "a", "Value": "b"}])
        credentials = answer["Credentials"]
        assert credentials["Expiration"] - simulation.clock.now() <= timedelta(seconds=900)
        assert answer["SourceIdentity"] == "inc-1"
        ec2 = client_with(simulation, "ec2", credentials)
        assert refusal(ec2.describe_instances, InstanceIds=[INSTANCE]) is None
        identity = client_with(simulation, "sts", credentials).get_caller_identity()
        assert identity["Account"] == ACCOUNT
        assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/cordon-contain/inc-1"
        simulation.clock.sleep(901)
        assert refusal(ec2.describe_instances) == "RequestExpired"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ExternalId": "cordon-999988887777"}, "AccessDenied"),
        ({"ExternalId": None}, "AccessDenied"),
        ({"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/cordon/cordon-other"}, "AccessDenied"),
        ({"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/cordon-contain"}, "AccessDenied"),
        ({"RoleArn": "arn:aws:iam::123412341234:role/cordon/cordon-contain"}, "AccessDenied"),
        ({"RoleArn": "arn:aws:iam::nonsense:role/cordon/cordon-contain"}, "ValidationError"),
        ({"RoleSessionName": "inc/1"}, "ValidationError"),
        ({"SourceIdentity": "inc:1"}, "ValidationError"),
        ({"DurationSeconds": 7200}, "ValidationError"),
        ({"Policy": "{"}, "MalformedPolicyDocument"),
        ({"Policy": json.dumps({"Statement": "x" * 2048})}, "ValidationError"),
    ],
)
def test_a_role_is_refused(changes: dict[str, Any], code: str) -> None:
    with Simulation(world()) as simulation:
        parameters = {
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/cordon/cordon-contain",
            "RoleSessionName": "inc-1",
            "ExternalId": f"cordon-{ACCOUNT}",
            **changes,
        }
        given = {name: value for name, value in parameters.items() if value is not None}
        assert refusal(simulation.session.client("sts").assume_role, **given) == code


@pytest.mark.parametrize("purpose", ["contain", "release"])
def test_the_hub_and_the_forensics_account_are_members_and_the_management_account_is_not(purpose: str) -> None:
    with Simulation(world()) as simulation:
        assume = simulation.session.client("sts").assume_role
        organization = simulation.spec.organization

        def parameters(account: str) -> dict[str, str]:
            role = f"arn:aws:iam::{account}:role/cordon/cordon-{purpose}"
            return {"RoleArn": role, "RoleSessionName": "inc-1", "ExternalId": f"cordon-{account}"}

        for account in (organization.hub, organization.forensics):
            assert f":{account}:" in assume(**parameters(account))["AssumedRoleUser"]["Arn"]
        assert refusal(assume, **parameters(MANAGEMENT)) == "AccessDenied"


def test_only_the_hub_may_assume() -> None:
    with Simulation(world()) as simulation:
        stranger = simulation.session_in(simulation.spec.organization.forensics).client("sts")
        role = f"arn:aws:iam::{ACCOUNT}:role/cordon/cordon-contain"
        parameters = {"RoleArn": role, "RoleSessionName": "inc-1", "ExternalId": f"cordon-{ACCOUNT}"}
        assert refusal(stranger.assume_role, **parameters) == "AccessDenied"


def test_an_instance_role_trusts_ec2_and_not_the_hub() -> None:
    with Simulation(world(instance(profile=Profile("app-profile", "app-role")))) as simulation:
        parameters = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/app-role", "RoleSessionName": "inc-1"}
        assert refusal(simulation.session.client("sts").assume_role, **parameters) == "AccessDenied"


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ec2", "describe_instances", "AuthFailure"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("dynamodb", "list_tables", "UnrecognizedClientException"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
    ],
)
def test_keys_that_were_never_given_out_are_refused(service: str, operation: str, code: str) -> None:
    with Simulation(world()) as simulation:
        forged = {"AccessKeyId": "ASIAEXAMPLEEXAMPLE22", "SecretAccessKey": "x", "SessionToken": "y"}
        with pytest.raises(ClientError) as caught:
            getattr(client_with(simulation, service, forged), operation)()
        assert caught.value.response["Error"]["Code"] == code


def test_the_token_belongs_to_the_key() -> None:
    with Simulation(world()) as simulation:
        credentials = {**assume(simulation)["Credentials"], "SessionToken": "another"}
        assert refusal(client_with(simulation, "ec2", credentials).describe_instances) == "AuthFailure"


def test_the_qualifier_is_in_every_name() -> None:
    with Simulation(world(), qualifier="staging") as simulation:
        assert simulation.environ["CORDON_TABLE"].startswith("staging-")
        sts = simulation.session.client("sts")
        role = f"arn:aws:iam::{ACCOUNT}:role/staging/staging-release"
        assert sts.assume_role(RoleArn=role, RoleSessionName="inc-1", ExternalId=f"staging-{ACCOUNT}")["Credentials"]
