# SPDX-License-Identifier: Apache-2.0
"""The object first, then the pointer, and nothing for a bundle that can't be read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.policy.bundle import Bundle, BundleError, canonical
from hub.policy.publish import publish

DATA = canonical(json.loads((Path(__file__).parent / "small" / "bundle.json").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Destination:
    table: str = "cordon"
    policy_bucket: str = "cordon-policy"


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        s3 = boto3.client("s3", region_name="eu-west-1")
        s3.create_bucket(Bucket="cordon-policy", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        dynamodb = boto3.client("dynamodb", region_name="eu-west-1")
        dynamodb.create_table(
            TableName="cordon",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        key = {"pk": {"S": "control"}, "sk": {"S": "control"}}
        dynamodb.put_item(TableName="cordon", Item={**key, "off": {"SS": ["/Sandbox"]}, "bundle": {"S": "before"}})
        yield s3, dynamodb


def pointer(dynamodb: Any) -> dict[str, Any]:
    key = {"pk": {"S": "control"}, "sk": {"S": "control"}}
    item: dict[str, Any] = dynamodb.get_item(TableName="cordon", Key=key)["Item"]
    return item


def test_published(clients: Any) -> None:
    s3, dynamodb = clients
    digest = publish(s3, dynamodb, Destination(), DATA)
    body = s3.get_object(Bucket="cordon-policy", Key=f"bundles/{digest}.json")["Body"].read()
    assert Bundle.loads(body).digest == digest
    assert pointer(dynamodb)["bundle"] == {"S": digest}
    assert pointer(dynamodb)["off"] == {"SS": ["/Sandbox"]}


def test_a_broken_bundle_changes_nothing(clients: Any) -> None:
    s3, dynamodb = clients
    with pytest.raises(BundleError):
        publish(s3, dynamodb, Destination(), b"{}")
    assert s3.list_objects_v2(Bucket="cordon-policy")["KeyCount"] == 0
    assert pointer(dynamodb)["bundle"] == {"S": "before"}


def test_the_pointer_stays_where_the_object_could_not_be_stored(clients: Any) -> None:
    s3, dynamodb = clients
    with pytest.raises(s3.exceptions.NoSuchBucket):
        publish(s3, dynamodb, Destination(policy_bucket="nowhere"), DATA)
    assert pointer(dynamodb)["bundle"] == {"S": "before"}
