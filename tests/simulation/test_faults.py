# SPDX-License-Identifier: Apache-2.0
"""Each kind of fault, for a service of each wire protocol: what the caller sees, and what it did to the world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from hub.simulation.errors import Crash, FaultError
from hub.simulation.faults import Fault, FaultPlan, parse_fault
from hub.simulation.simulation import Simulation
from tests.simulation.worlds import ACCOUNT, refusal, world

ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ec2:CreateSnapshots=AccessDenied", Fault("ec2", "CreateSnapshots", "AccessDenied", None)),
        ("ec2:CreateSnapshots=AccessDenied*2", Fault("ec2", "CreateSnapshots", "AccessDenied", 2)),
        ("sts:AssumeRole=timeout-after", Fault("sts", "AssumeRole", "timeout-after", 1)),
        ("dynamodb:PutItem=crash-before*3", Fault("dynamodb", "PutItem", "crash-before", 3)),
        ("ec2:CreateTags=InvalidGroup.NotFound", Fault("ec2", "CreateTags", "InvalidGroup.NotFound", None)),
    ],
)
def test_a_specification_is_read(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "write SERVICE:Operation=WHAT"),
        ("ec2:DescribeInstances", "write SERVICE:Operation=WHAT"),
        ("ec3:DescribeInstances=InternalError", "no service 'ec3'; did you mean ec2?"),
        ("ec2:DescribeInstance=InternalError", "no operation 'DescribeInstance'; did you mean DescribeInstances?"),
        ("ec2:DescribeInstances=timeout-befor", "did you mean timeout-before?"),
        ("ec2:DescribeInstances=accessDenied", "begin with a capital"),
        ("ec2:DescribeInstances=InternalError*0", "not a whole number above 0"),
        ("ec2:DescribeInstances=InternalError*x", "not a whole number above 0"),
        ("ec2:DescribeInstances=InternalError*", "not a whole number above 0"),
    ],
)
def test_a_wrong_specification_is_explained(text: str, part: str) -> None:
    with pytest.raises(FaultError, match="fault") as caught:
        parse_fault(text)
    assert part in str(caught.value)


def test_faults_are_used_up_in_the_order_given() -> None:
    plan = FaultPlan(
        [
            parse_fault(text)
            for text in ("sts:AssumeRole=timeout-before", "sts:AssumeRole=Throttling*2", "ec2:CreateTags=InternalError")
        ]
    )
    taken = [plan.take("sts", "AssumeRole") for _ in range(4)]
    assert taken == ["timeout-before", "Throttling", "Throttling", None]
    assert [plan.take("ec2", "CreateTags") for _ in range(3)] == ["InternalError"] * 3
    assert plan.take("ec2", "CreateSnapshots") is None


# One change of the world per protocol: ec2, json, query, rest-xml.


def _ec2(simulation: Simulation) -> tuple[Callable[[], Any], Callable[[], bool]]:
    client = simulation.session_in(ACCOUNT).client("ec2", config=ONCE)
    vpc = simulation.world()["security_groups"][0]["vpc"]
    return (
        lambda: client.create_security_group(GroupName="made", Description="made", VpcId=vpc),
        lambda: any(group["name"] == "made" for group in simulation.world()["security_groups"]),
    )


def _dynamodb(simulation: Simulation) -> tuple[Callable[[], Any], Callable[[], bool]]:
    client = simulation.session.client("dynamodb", config=ONCE)
    table, key = simulation.environ["CORDON_TABLE"], {"pk": {"S": "a"}, "sk": {"S": "b"}}

    def made() -> bool:
        with simulation.unrecorded():
            return "Item" in client.get_item(TableName=table, Key=key)

    return lambda: client.put_item(TableName=table, Item=key), made


def _sts(simulation: Simulation) -> tuple[Callable[[], Any], Callable[[], bool]]:
    client = simulation.session.client("sts", config=ONCE)
    issued: list[Any] = []
    original = simulation.callers.issue

    def issue(*arguments: Any) -> Any:
        issued.append(arguments)
        return original(*arguments)

    simulation.callers.issue = issue  # type: ignore[method-assign]
    role = f"arn:aws:iam::{ACCOUNT}:role/cordon/cordon-contain"
    return (
        lambda: client.assume_role(RoleArn=role, RoleSessionName="inc-1", ExternalId=f"cordon-{ACCOUNT}"),
        lambda: bool(issued),
    )


def _s3(simulation: Simulation) -> tuple[Callable[[], Any], Callable[[], bool]]:
    client = simulation.session.client("s3", config=ONCE)
    bucket = simulation.environ["CORDON_EVIDENCE_BUCKET"]

    def made() -> bool:
        with simulation.unrecorded():
            return client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1

    return lambda: client.put_object(Bucket=bucket, Key="a", Body=b"evidence"), made


OPERATIONS = {
    "ec2:CreateSecurityGroup": _ec2,
    "dynamodb:PutItem": _dynamodb,
    "sts:AssumeRole": _sts,
    "s3:PutObject": _s3,
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("code", "status"),
    [("AccessDenied", 403), ("InternalError", 500), ("RequestLimitExceeded", 503), ("ThrottlingException", 400)],
)
def test_an_error_code_comes_without_effect(operation: str, code: str, status: int) -> None:
    with Simulation(world(), faults=[parse_fault(f"{operation}={code}")]) as simulation:
        act, made = OPERATIONS[operation](simulation)
        with simulation.delivering(1), pytest.raises(ClientError) as caught:
            act()
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
        assert not made()
        (call,) = simulation.calls
        assert (call["error"], call["fault"]) == (code, code)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("what", "effect"), [("timeout-before", False), ("timeout-after", True)])
def test_a_time_out_leaves_the_caller_in_the_dark(operation: str, what: str, *, effect: bool) -> None:
    with Simulation(world(), faults=[parse_fault(f"{operation}={what}")]) as simulation:
        act, made = OPERATIONS[operation](simulation)
        with simulation.delivering(1), pytest.raises(ReadTimeoutError):
            act()
        assert made() is effect
        (call,) = simulation.calls
        assert (call["error"], call["fault"]) == ("timeout", what)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("what", "effect"), [("crash-before", False), ("crash-after", True)])
def test_after_a_crash_nothing_of_that_invocation_reaches_aws(operation: str, what: str, *, effect: bool) -> None:
    with Simulation(world(), faults=[parse_fault(f"{operation}={what}")]) as simulation:
        act, made = OPERATIONS[operation](simulation)
        sts = simulation.session.client("sts")
        with simulation.delivering(1):
            with pytest.raises(Crash):
                act()
            with pytest.raises(Crash):
                sts.get_caller_identity()
        assert made() is effect
        assert [(call["error"], call["fault"]) for call in simulation.calls] == [("crash", what)]
        with simulation.delivering(1, 2):
            assert sts.get_caller_identity()["Account"] == simulation.spec.organization.hub


def test_sdk_retries_are_attempts_of_one_call_and_wait_on_the_simulated_clock() -> None:
    retrying = Config(retries={"total_max_attempts": 4, "mode": "standard"})
    with Simulation(world(), faults=[parse_fault("ec2:DescribeInstances=RequestLimitExceeded*2")]) as simulation:
        client = simulation.session_in(ACCOUNT).client("ec2", config=retrying)
        with simulation.delivering(1):
            client.describe_instances()
        assert [(call["attempt"], call["error"]) for call in simulation.calls] == [
            (1, "RequestLimitExceeded"),
            (2, "RequestLimitExceeded"),
            (3, None),
        ]
        assert simulation.calls[0]["end_ms"] < simulation.calls[1]["start_ms"] < simulation.calls[2]["start_ms"]


def test_building_and_reading_meet_no_fault() -> None:
    with Simulation(world(), faults=[parse_fault("ec2:DescribeInstances=InternalError")]) as simulation:
        client = simulation.session_in(ACCOUNT).client("ec2", config=ONCE)
        assert client.describe_instances()["Reservations"]
        with simulation.delivering(1), simulation.unrecorded():
            assert client.describe_instances()["Reservations"]
        assert simulation.calls == []


def test_an_answer_without_a_body_shows_its_status_alone() -> None:
    with Simulation(world(), faults=[parse_fault("s3:HeadObject=AccessDenied")]) as simulation:
        head = simulation.session.client("s3").head_object
        with simulation.delivering(1):
            assert refusal(head, Bucket=simulation.environ["CORDON_POLICY_BUCKET"], Key="a") == "403"
        assert simulation.calls[0]["error"] == "AccessDenied"


def test_a_cancelled_transaction_says_which_item_was_in_conflict() -> None:
    with Simulation(
        world(), faults=[parse_fault("dynamodb:TransactWriteItems=TransactionCanceledException*1")]
    ) as each:
        table, name = each.session.client("dynamodb", config=ONCE), each.environ["CORDON_TABLE"]
        keys = [{"pk": {"S": "a"}, "sk": {"S": str(number)}} for number in range(3)]
        writes: Any = [{"Put": {"TableName": name, "Item": key}} for key in keys]
        with each.delivering(1), pytest.raises(ClientError) as caught:
            table.transact_write_items(TransactItems=writes)
        response: Any = caught.value.response
        assert response["Error"]["Code"] == "TransactionCanceledException"
        assert [reason["Code"] for reason in response["CancellationReasons"]] == ["None", "None", "TransactionConflict"]
        assert table.scan(TableName=name)["Items"] == []
