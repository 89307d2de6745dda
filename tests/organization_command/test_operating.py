# SPDX-License-Identifier: Apache-2.0
"""Publishing, the kill switch, incidents and releases, against a table and a bucket of the hub account."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from moto import mock_aws

from functions import names
from functions.aws.clients import Clients
from functions.finding.model import Target
from functions.incident.head import Heads
from functions.incident.items import CONTROL_KEY, to_item
from functions.organization.control import HubRecords
from functions.organization.policy_in_force import Loader
from functions.runtime import Runtime
from hub.policy.compile import compile_config
from tests.cli.running import cordon, document_of
from tests.organization_command.answering import HOME, HUB, Answering

MOTO = "123456789012"
"""Whose credentials moto's are."""

INCIDENT = "inc-0m2k4abcd-0a1b2c3d"
UNDER_WAY = "The release may be running or incomplete: cordon incidents shows its state, and it can be repeated"


@pytest.fixture
def hub_account(config: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A hub with a table and a bucket; the settings name its account."""
    for file in (config / "organization.lock.json", *config.rglob("*.yaml")):
        file.write_text(file.read_text().replace(HUB, MOTO))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        boto3.client("dynamodb", region_name=HOME).create_table(
            TableName=names.table("cordon"),
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        )
        boto3.client("s3", region_name=HOME).create_bucket(
            Bucket=names.policy_bucket("cordon", MOTO, HOME), CreateBucketConfiguration={"LocationConstraint": HOME}
        )
        yield config


def control_item() -> dict[str, Any]:
    """Read the control item as the table has it."""
    client = boto3.client("dynamodb", region_name=HOME)
    return client.get_item(TableName=names.table("cordon"), Key=to_item(CONTROL_KEY)).get("Item", {})


def in_force() -> str:
    """Load what the functions would go by, as they do."""
    clients = Clients(boto3.Session()._session, HOME)
    records = HubRecords(clients.hub("dynamodb"), names.table("cordon"), Runtime.of_machine())
    bucket = names.policy_bucket("cordon", MOTO, HOME)
    in_force = Loader(clients.hub("s3"), bucket, "o-exampleorgid", Runtime.of_machine().pool).load(records.control())
    assert in_force.bundle is not None, in_force.problem
    return in_force.bundle.digest


def change(config: Path) -> None:
    policy = config / "organization.yaml"
    policy.write_text(policy.read_text().replace("max_age: 6h", "max_age: 5h"))


def test_publish_puts_the_policy_into_force(hub_account: Path) -> None:
    first = compile_config(hub_account).digest
    told = cordon("policy", "publish", "--config", hub_account)

    assert (told.exit_code, told.stdout) == (0, f"in force  {first}\nbefore    nothing\n")
    assert in_force() == first


def test_publish_and_roll_back(hub_account: Path) -> None:
    first = compile_config(hub_account).digest
    cordon("policy", "publish", "--config", hub_account)
    change(hub_account)
    second = document_of(cordon("policy", "publish", "--config", hub_account, "--json"))
    assert (second["before"], in_force()) == (first, second["digest"])

    back = cordon("policy", "publish", "--config", hub_account, "--rollback", first)
    assert back.stdout == f"in force  {first}\nbefore    {second['digest']}\n"
    assert in_force() == first


def test_roll_back_to_what_is_not_there(hub_account: Path) -> None:
    cordon("policy", "publish", "--config", hub_account)
    before = in_force()
    told = cordon("policy", "publish", "--config", hub_account, "--rollback", "0" * 64)

    assert told.exit_code == 1
    assert told.stderr == (f"Error: cordon-policy-{MOTO}-eu-west-1 has no bundle {'0' * 64}: nothing was changed\n")
    assert in_force() == before


def test_roll_back_without_leave_to_list(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    aws.says("dynamodb", "get_item", {})
    aws.refuses("s3", "get_object", "AccessDenied")
    told = cordon("policy", "publish", "--config", config, "--rollback", "0" * 64)

    assert told.exit_code == 1
    assert told.stderr.startswith(f"Error: cordon-policy-{HUB}-eu-west-1 has no bundle {'0' * 64}, or these cred")
    assert "s3:ListBucket" in told.stderr


def test_publishing_warns_as_checking_does(hub_account: Path) -> None:
    (hub_account / "ous" / "nowhere.yaml").write_text("version: 1\nou: /Nowhere\nmode: observe\n")
    warned = cordon("policy", "check", "--config", hub_account).stderr
    told = cordon("policy", "publish", "--config", hub_account)
    document = document_of(cordon("policy", "publish", "--config", hub_account, "--json"))

    assert warned.startswith("warning: ")
    assert (told.exit_code, told.stderr) == (0, warned)
    assert [f"warning: {each['text']}\n" for each in document["warnings"]] == [warned]


def test_roll_back_to_a_bundle_that_was_changed(hub_account: Path) -> None:
    cordon("policy", "publish", "--config", hub_account)
    before = in_force()
    boto3.client("s3", region_name=HOME).put_object(
        Bucket=names.policy_bucket("cordon", MOTO, HOME),
        Key=f"bundles/{'1' * 64}.json",
        Body=compile_config(hub_account).data,
    )
    told = cordon("policy", "publish", "--config", hub_account, "--rollback", "1" * 64)

    assert told.exit_code == 1
    assert told.stderr.startswith("Error: not put into force: the object 111111111111 in the bucket has the digest")
    assert in_force() == before


def test_publishing_leaves_the_switch_alone(hub_account: Path) -> None:
    cordon("switch", "off", "organization", "--config", hub_account)
    cordon("policy", "publish", "--config", hub_account)
    assert control_item()["switched_off"] == {"SS": ["organization"]}


def test_a_policy_that_does_not_compile_is_not_published(hub_account: Path) -> None:
    policy = hub_account / "organization.yaml"
    policy.write_text(policy.read_text().replace("\nmode: observe", "\nmode: observed", 1))
    told = cordon("policy", "publish", "--config", hub_account)

    assert (told.exit_code, told.stdout) == (2, "")
    assert "organization.yaml:9:7: mode: 'observed'" in told.stderr
    assert control_item() == {}


def test_no_digest(config: Path) -> None:
    told = cordon("policy", "publish", "--config", config, "--rollback", "3bc5")
    assert told.exit_code == 2
    assert "'3bc5' is no digest: 64 hexadecimal digits, as publish prints them" in told.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("policy", "publish"),
        ("switch", "off", "organization"),
        ("switch", "on", "organization"),
        ("switch", "show"),
        ("incidents",),
        ("release", INCIDENT, "--by", "alice"),
    ],
    ids=" ".join,
)
def test_another_account_is_refused_in_one_sentence(config: Path, aws: Answering, command: tuple[str, ...]) -> None:
    aws.is_of("444455556666")
    told = cordon(*command, "--config", config)

    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr == (
        f"Error: these credentials are of account 444455556666, the hub account is {HUB}: "
        "arn:aws:sts::444455556666:assumed-role/operator/someone\n"
    )


@pytest.mark.parametrize(
    ("command", "service", "operation", "what"),
    [
        (("switch", "show"), "dynamodb", "get_item", "table cordon-records"),
        (("incidents",), "dynamodb", "scan", "table cordon-records"),
        (("release", INCIDENT, "--by", "alice"), "lambda", "invoke", "function cordon-release"),
    ],
    ids=["switch", "incidents", "release"],
)
def test_a_deployment_that_is_not_there(
    config: Path, aws: Answering, command: tuple[str, ...], service: str, operation: str, what: str
) -> None:
    sentences = {
        "ResourceNotFoundException": f"there is no {what} in account {HUB}, eu-west-1: is it deployed, under this "
        "qualifier?",
        "AccessDeniedException": f"AWS refuses access to {what}: ",
        "ServiceUnavailable": f"{what} can't be reached: ",
    }
    for code, sentence in sentences.items():
        aws.is_of(HUB)
        aws.refuses(service, operation, code)
        told = cordon(*command, "--config", config)
        assert told.exit_code == 1
        assert told.stderr.startswith(f"Error: {sentence}")


def test_switching_off_and_on(hub_account: Path) -> None:
    def switch(*arguments: str) -> tuple[int, str, str]:
        result = cordon("switch", *arguments, "--config", hub_account)
        return result.exit_code, result.stdout, result.stderr

    assert switch("show") == (0, "nothing is switched off\n", "")
    assert switch("off", "/Workloads/Prod/") == (0, "switched off, observed only: /Workloads/Prod\n", "")
    assert switch("off", "444455556666") == (0, "switched off, observed only: /Workloads/Prod, 444455556666\n", "")
    assert switch("off", "444455556666")[2] == "warning: 444455556666 was off already\n"
    assert switch("show")[1] == "switched off, observed only: /Workloads/Prod, 444455556666\n"
    assert switch("on", "/Workloads/Prod") == (0, "switched off, observed only: 444455556666\n", "")
    assert switch("on", "444455556666") == (0, "nothing is switched off\n", "")
    assert switch("on", "444455556666") == (0, "nothing is switched off\n", "warning: 444455556666 was on already\n")


def test_switching_on_what_is_off_by_another_scope(hub_account: Path) -> None:
    for scope in ("organization", "666677778888", "/Workloads/Prod"):
        cordon("switch", "off", scope, "--config", hub_account)
    told = {
        scope: cordon("switch", "on", scope, "--config", hub_account).stderr
        for scope in ("444455556666", "/Workloads/Prdo")
    }
    still = "was not switched off itself; still off: /Workloads/Prod, 666677778888, organization"
    assert told == {
        "444455556666": f"warning: 444455556666 {still}\n",
        "/Workloads/Prdo": f"warning: /Workloads/Prdo {still}; did you mean '/Workloads/Prod'?\n",
    }


def test_the_functions_see_the_switch(hub_account: Path) -> None:
    cordon("switch", "off", "/Workloads", "--config", hub_account)
    clients = Clients(boto3.Session()._session, HOME)
    control = HubRecords(clients.hub("dynamodb"), names.table("cordon"), Runtime.of_machine()).control()
    assert control.off_for("444455556666", "/Workloads/Prod") == ("OU /Workloads",)


def test_a_scope_that_meets_nobody_is_switched_and_told(hub_account: Path) -> None:
    result = cordon("switch", "off", "/Workloads/Prdo", "--config", hub_account, "--json")

    assert document_of(result) == {"schema": 1, "switched_off": ["/Workloads/Prdo"], "changed": True}
    assert result.stderr == (
        "warning: no account of organization.lock.json is in /Workloads/Prdo; did you mean '/Workloads/Prod'?\n"
    )


@pytest.mark.parametrize("scope", ["Workloads", "44445555", "//", "Organization", "/a//b"])
def test_what_is_no_scope(config: Path, scope: str) -> None:
    told = cordon("switch", "off", scope, "--config", config)

    assert told.exit_code == 2
    assert f"{scope!r} is no scope: write organization, the path of an OU" in " ".join(told.stderr.split())


def opened(incident: str, instance: str, state: str) -> None:
    """Record an incident's head as the functions do, in a state."""
    client: Any = boto3.client("dynamodb", region_name=HOME)
    target = Target("aws", "444455556666", HOME, instance)
    Heads(client, names.table("cordon"), Runtime.of_machine()).note_opened(incident, target)
    client.update_item(
        TableName=names.table("cordon"),
        Key=to_item({"pk": f"incident#{incident}", "sk": "head"}),
        UpdateExpression="SET #state = :state",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": {"S": state}},
    )


def test_incidents_are_listed(hub_account: Path) -> None:
    opened("inc-1", "i-0a1b2c3d4e5f60718", "contained")
    opened("inc-2", "i-0a1b2c3d4e5f60719", "observed")
    baseline = to_item({"pk": "incident#inc-1", "sk": "baseline#isolate", "document": "{}"})
    boto3.client("dynamodb", region_name=HOME).put_item(TableName=names.table("cordon"), Item=baseline)
    everything = document_of(cordon("incidents", "--config", hub_account, "--json"))["incidents"]
    told = cordon("incidents", "--config", hub_account)
    still = cordon("incidents", "--config", hub_account, "--open")

    assert [(each["incident"], each["state"], each["open"], each["touched"]) for each in everything] == [
        ("inc-1", "contained", True, True),
        ("inc-2", "observed", False, False),
    ]
    assert everything[0]["account"] == "444455556666"
    now = everything[0]["since"][:16]
    assert still.stdout.splitlines() == [
        "since (UTC)       incident  state      account       region     instance             rule",
        f"{now}  inc-1     contained  444455556666  eu-west-1  i-0a1b2c3d4e5f60718",
        "2 incidents, 1 open",
    ]
    assert len(told.stdout.splitlines()) == 4


def test_an_incident_of_a_newer_version_is_named_and_the_others_are_listed(hub_account: Path) -> None:
    opened("inc-1", "i-0a1b2c3d4e5f60718", "contained")
    opened("inc-2", "i-0a1b2c3d4e5f60719", "contained")
    boto3.client("dynamodb", region_name=HOME).update_item(
        TableName=names.table("cordon"),
        Key=to_item({"pk": "incident#inc-2", "sk": "head"}),
        UpdateExpression="SET #schema = :two REMOVE #target",
        ExpressionAttributeNames={"#schema": "schema", "#target": "target"},
        ExpressionAttributeValues={":two": {"N": "2"}},
    )
    sentence = (
        "the head of inc-2 was written by a newer version of Cordon (schema 2, this one reads 1): "
        "deploy that version again"
    )
    document = document_of(cordon("incidents", "--config", hub_account, "--json"))
    told = cordon("incidents", "--config", hub_account)

    assert [each["incident"] for each in document["incidents"]] == ["inc-1"]
    assert document["refused"] == [{"incident": "inc-2", "reason": sentence}]
    assert told.exit_code == 0
    assert told.stderr == f"warning: {sentence}\n"
    assert told.stdout.splitlines()[-1] == "1 incident, 1 open, 1 that can't be read"


def answers(aws: Answering, document: dict[str, Any], **more: str) -> None:
    data = json.dumps(document).encode()
    asked = {"FunctionName": "cordon-release", "Payload": json.dumps({"incident": INCIDENT, "by": "alice"}).encode()}
    body = StreamingBody(io.BytesIO(data), len(data))
    aws.says("lambda", "invoke", {"StatusCode": 200, "Payload": body, **more}, asked)


def released(config: Path, *arguments: str) -> Any:
    return cordon("release", INCIDENT, "--by", "alice", "--config", config, *arguments)


def restored(state: str, *, restored: bool = True) -> dict[str, Any]:
    item = {"step": "isolate", "what": "eni-0a1b2c3d", "restored": restored, "reason": "", "retry": False}
    return {"incident": INCIDENT, "error": None, "state": state, "reason": "released by alice", "items": [item]}


def test_a_release_is_told(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    answers(aws, restored("released"))
    told = released(config)

    assert told.exit_code == 0
    assert [line.split() for line in told.stdout.splitlines() if line][-3:] == [
        ["Put", "back"],
        ["step", "what", "outcome", "reason"],
        ["isolate", "eni-0a1b2c3d", "released"],
    ]


def test_a_release_that_left_something(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    answers(aws, restored("releasing", restored=False))
    result = released(config, "--json")

    assert result.exit_code == 1
    assert document_of(result)["items"][0]["restored"] is False


def test_what_is_left_is_told_with_its_command(config: Path, aws: Answering) -> None:
    command = "aws ec2 modify-network-interface-attribute --network-interface-id eni-0a1b2c3d --groups sg-0a1b2c3d"
    document = restored("released", restored=False)
    document["items"][0] |= {"reason": "sg-0a1b2c3d no longer exists", "command": command}
    aws.is_of(HUB)
    answers(aws, document)
    told = released(config)

    assert told.exit_code == 0
    # Whole and on one line, however narrow the terminal is.
    assert [line.split(maxsplit=1) for line in told.stdout.splitlines() if line][-2:] == [
        ["what", "by which command"],
        ["eni-0a1b2c3d", command],
    ]


def test_a_release_that_is_refused(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    refusal = f"there is no incident {INCIDENT}"
    answers(aws, {"incident": INCIDENT, "error": refusal, "state": None, "reason": refusal, "items": []})
    told = released(config)

    assert (told.exit_code, told.stdout, told.stderr) == (1, "", f"Error: {refusal}\n")


def test_a_release_function_that_fails(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    answers(aws, {"errorMessage": "Task timed out after 60.00 seconds"}, FunctionError="Unhandled")
    told = released(config)

    assert told.exit_code == 1
    assert told.stderr == f"Error: function cordon-release failed: Task timed out after 60.00 seconds. {UNDER_WAY}\n"


def test_a_release_function_that_does_not_answer(config: Path, aws: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://lambda.example.com")

    aws.is_of(HUB)
    monkeypatch.setattr(aws.client("lambda"), "invoke", late)
    told = released(config)

    assert told.exit_code == 1
    assert told.stderr.startswith("Error: function cordon-release did not answer: Read timeout on endpoint URL")
    assert told.stderr.endswith(f"{UNDER_WAY}\n")
