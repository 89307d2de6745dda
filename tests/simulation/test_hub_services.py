# SPDX-License-Identifier: Apache-2.0
"""The hub's own services do what the store, the evidence and the directory rely on."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.settings import Settings
from hub.simulation.simulation import Simulation
from tests.simulation.worlds import ACCOUNT, refusal, world

KEY = {"pk": {"S": "target"}, "sk": {"S": "head"}}


def test_the_environment_is_what_the_functions_read() -> None:
    with Simulation(world()) as simulation:
        settings = Settings.from_env(simulation.environ)
    assert (settings.hub_account, settings.home_region) == (simulation.spec.organization.hub, "eu-west-1")
    assert settings.role_arn("aws", ACCOUNT, "contain") == f"arn:aws:iam::{ACCOUNT}:role/cordon/cordon-contain"
    assert settings.external_id(ACCOUNT) == simulation.names.external_id(ACCOUNT)


def test_a_failed_condition_returns_the_item() -> None:
    with Simulation(world()) as simulation:
        table = simulation.session.client("dynamodb")
        name = simulation.environ["CORDON_TABLE"]
        parameters: dict[str, Any] = {
            "TableName": name,
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        table.put_item(Item={**KEY, "token": {"S": "first"}}, **parameters)
        with pytest.raises(ClientError) as caught:
            table.put_item(Item={**KEY, "token": {"S": "second"}}, **parameters)
        assert caught.value.response["Item"]["token"] == {"S": "first"}  # type: ignore[typeddict-item]
        with pytest.raises(ClientError) as caught:
            table.update_item(
                Key=KEY,
                UpdateExpression="SET token = :t",
                ExpressionAttributeValues={":t": {"S": "second"}},
                **parameters,
            )
        assert caught.value.response["Item"]["token"] == {"S": "first"}  # type: ignore[typeddict-item]


def transaction(name: str, sort_key: str) -> list[dict[str, Any]]:
    """A baseline that is written once, together with a counter."""
    return [
        {
            "Put": {
                "TableName": name,
                "Item": {"pk": {"S": "target"}, "sk": {"S": sort_key}},
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
        {
            "Update": {
                "TableName": name,
                "Key": {"pk": {"S": "counter"}, "sk": {"S": "hour"}},
                "UpdateExpression": "ADD used :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        },
    ]


def test_a_transaction_takes_effect_once_for_each_token() -> None:
    with Simulation(world()) as simulation:
        table = simulation.session.client("dynamodb")
        name = simulation.environ["CORDON_TABLE"]
        write = table.transact_write_items
        write(TransactItems=transaction(name, "baseline"), ClientRequestToken="one")
        write(TransactItems=transaction(name, "baseline"), ClientRequestToken="one")
        other = {"TransactItems": transaction(name, "other"), "ClientRequestToken": "one"}
        assert refusal(write, **other) == "IdempotentParameterMismatchException"
        with pytest.raises(ClientError) as caught:
            write(TransactItems=transaction(name, "baseline"), ClientRequestToken="two")
        reasons: list[Any] = caught.value.response["CancellationReasons"]  # type: ignore[typeddict-item]
        assert [reason["Code"] for reason in reasons] == ["ConditionalCheckFailed", "None"]
        assert reasons[0]["Item"]["sk"] == {"S": "baseline"}
        counter = table.get_item(TableName=name, Key={"pk": {"S": "counter"}, "sk": {"S": "hour"}})["Item"]
        assert counter["used"] == {"N": "1"}
        simulation.clock.sleep(601)
        late = {"TransactItems": transaction(name, "baseline"), "ClientRequestToken": "one"}
        assert refusal(write, **late) == "TransactionCanceledException"


def test_reads_by_key_batch_and_prefix() -> None:
    with Simulation(world()) as simulation:
        table = simulation.session.client("dynamodb")
        name = simulation.environ["CORDON_TABLE"]
        for sort_key in ("finding#1", "finding#2", "head"):
            table.put_item(TableName=name, Item={"pk": {"S": "target"}, "sk": {"S": sort_key}})
        found = table.query(
            TableName=name,
            KeyConditionExpression="pk = :p AND begins_with(sk, :s)",
            ExpressionAttributeValues={":p": {"S": "target"}, ":s": {"S": "finding#"}},
            ConsistentRead=True,
        )
        assert [item["sk"]["S"] for item in found["Items"]] == ["finding#1", "finding#2"]
        keys = [KEY, {"pk": {"S": "target"}, "sk": {"S": "absent"}}]
        batch = table.batch_get_item(RequestItems={name: {"Keys": keys, "ConsistentRead": True}})
        assert batch["Responses"][name] == [KEY]


@pytest.mark.parametrize("bucket", ["CORDON_POLICY_BUCKET", "CORDON_EVIDENCE_BUCKET"])
def test_buckets_keep_every_version(bucket: str) -> None:
    with Simulation(world()) as simulation:
        storage = simulation.session.client("s3")
        name = simulation.environ[bucket]
        first = storage.put_object(Bucket=name, Key="inc-1/manifest.json", Body=b"one")
        storage.put_object(Bucket=name, Key="inc-1/manifest.json", Body=b"two")
        old = storage.get_object(Bucket=name, Key="inc-1/manifest.json", VersionId=first["VersionId"])
        assert old["Body"].read() == b"one"
        assert storage.get_object(Bucket=name, Key="inc-1/manifest.json")["Body"].read() == b"two"
        once = {"Bucket": name, "Key": "inc-1/manifest.json", "Body": b"three", "IfNoneMatch": "*"}
        assert refusal(storage.put_object, **once) == "PreconditionFailed"


def test_the_topic_takes_messages() -> None:
    with Simulation(world()) as simulation:
        answer = simulation.session.client("sns").publish(
            TopicArn=simulation.environ["CORDON_TOPIC"], Subject="Contained", Message="{}"
        )
    assert answer["MessageId"]


def test_the_hub_sees_the_organisation_and_the_place_of_an_account() -> None:
    with Simulation(world()) as simulation:
        organizations = simulation.session.client("organizations")
        assert organizations.describe_organization()["Organization"]["Id"] == "o-exampleorgid"
        account = organizations.describe_account(AccountId=ACCOUNT)["Account"]
        assert (account["Name"], account["Status"]) == ("payments-prod", "ACTIVE")
        path = []
        (parent,) = organizations.list_parents(ChildId=ACCOUNT)["Parents"]
        while parent["Type"] != "ROOT":
            unit = organizations.describe_organizational_unit(OrganizationalUnitId=parent["Id"])
            path.insert(0, unit["OrganizationalUnit"]["Name"])
            (parent,) = organizations.list_parents(ChildId=parent["Id"])["Parents"]
        assert path == ["Workloads", "Prod"]
        assert refusal(organizations.describe_account, AccountId="333333333333") == "AccountNotFoundException"
