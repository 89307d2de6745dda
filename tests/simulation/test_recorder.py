# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextvars
import json
import threading
from datetime import UTC, datetime

import pytest

from functions.context import INCIDENT
from hub.simulation.errors import SimulationError
from hub.simulation.recorder import presentable
from hub.simulation.simulation import Simulation
from tests.simulation.worlds import ACCOUNT, INSTANCE, assume, client_with, member, refusal, world

FIELDS = {
    "n",
    "delivery",
    "receive",
    "attempt",
    "service",
    "operation",
    "parameters",
    "account",
    "region",
    "start_ms",
    "end_ms",
    "error",
    "fault",
    "incident",
}


def test_a_call_is_recorded_with_every_field_of_the_contract() -> None:
    with Simulation(world()) as simulation, simulation.delivering(7, 2):
        credentials = assume(simulation)["Credentials"]
        token = INCIDENT.set("inc-0001")
        try:
            client_with(simulation, "ec2", credentials).describe_instances(InstanceIds=[INSTANCE])
        finally:
            INCIDENT.reset(token)
    first, second = simulation.calls
    assert set(first) == FIELDS
    assert first["parameters"]["RoleSessionName"] == "inc-1"
    assert second == {
        "n": 2,
        "delivery": 7,
        "receive": 2,
        "attempt": 1,
        "service": "ec2",
        "operation": "DescribeInstances",
        "parameters": {"InstanceIds": [INSTANCE]},
        "account": ACCOUNT,
        "region": "eu-west-1",
        "start_ms": 0.2,
        "end_ms": 0.2,
        "error": None,
        "fault": None,
        "incident": "inc-0001",
    }
    assert (first["account"], first["incident"]) == (simulation.spec.organization.hub, None)


@pytest.mark.parametrize(
    ("client", "operation", "service"),
    [
        ("autoscaling", "describe_auto_scaling_groups", "autoscaling"),
        ("elbv2", "describe_target_groups", "elbv2"),
        ("iam", "list_users", "iam"),
        ("sns", "list_topics", "sns"),
        ("organizations", "list_accounts", "organizations"),
        ("dynamodb", "list_tables", "dynamodb"),
        ("s3", "list_buckets", "s3"),
    ],
)
def test_services_are_called_by_their_boto3_names(client: str, operation: str, service: str) -> None:
    with Simulation(world()) as simulation, simulation.delivering(1):
        getattr(simulation.session.client(client), operation)()
    assert [call["service"] for call in simulation.calls] == [service]


def test_a_refusal_of_the_cloud_is_an_error_and_no_fault() -> None:
    with Simulation(world()) as simulation, simulation.delivering(1):
        ec2 = member(simulation, "ec2")
        assert refusal(ec2.describe_instances, InstanceIds=["i-0123456789abcdef0"]) == "InvalidInstanceID.NotFound"
        head = simulation.session.client("s3").head_object
        assert refusal(head, Bucket=simulation.environ["CORDON_POLICY_BUCKET"], Key="none") == "404"
    assert [(call["error"], call["fault"]) for call in simulation.calls] == [
        ("InvalidInstanceID.NotFound", None),
        ("404", None),
    ]


def test_parameters_that_the_sdk_adds_are_recorded() -> None:
    with Simulation(world()) as simulation, simulation.delivering(1):
        item = {"Put": {"TableName": simulation.environ["CORDON_TABLE"], "Item": {"pk": {"S": "a"}, "sk": {"S": "b"}}}}
        simulation.session.client("dynamodb").transact_write_items(TransactItems=[item])
    assert simulation.calls[0]["parameters"]["ClientRequestToken"]


def test_secrets_and_bodies_are_masked() -> None:
    shown = presentable(
        {
            "Body": b"four",
            "SecretAccessKey": "s3cr3t",
            "Nested": [{"SessionToken": "t0k3n", "At": datetime(2026, 1, 1, tzinfo=UTC)}],
            "Count": 3,
            "Flag": True,
            "Nothing": None,
            "Stream": object(),
        }
    )
    assert shown == {
        "Body": {"bytes": 4},
        "SecretAccessKey": "***",
        "Nested": [{"SessionToken": "***", "At": "2026-01-01T00:00:00+00:00"}],
        "Count": 3,
        "Flag": True,
        "Nothing": None,
        "Stream": "<object>",
    }
    assert json.dumps(shown)


def test_a_thread_that_the_simulation_did_not_start_is_refused() -> None:
    raised: list[BaseException] = []

    def call() -> None:
        try:
            copied.run(client.get_caller_identity)
        except SimulationError as error:
            raised.append(error)

    with Simulation(world()) as simulation:
        client = simulation.session.client("sts")
        with simulation.delivering(3):
            copied = contextvars.copy_context()
            thread = threading.Thread(target=call)
            thread.start()
            thread.join()
    (error,) = raised
    assert "did not start" in str(error)
    assert simulation.calls == []


def test_milliseconds_begin_with_the_first_delivery() -> None:
    with Simulation(world(), latency_ms=20) as simulation:
        simulation.clock.sleep(5)
        client = simulation.session.client("sts")
        with simulation.delivering(0, 0):
            client.get_caller_identity()
        simulation.clock.sleep(360)
        with simulation.delivering(1):
            client.get_caller_identity()
    warm, first = simulation.calls
    assert 0 <= warm["start_ms"] < 100
    assert 20 <= warm["end_ms"] - warm["start_ms"] < 100
    assert first["start_ms"] >= 360_000
