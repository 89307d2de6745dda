# SPDX-License-Identifier: Apache-2.0
"""Put a bundle where the functions find it, then point to it.

The object first, the pointer after: a reader never follows a pointer to nothing. A rollback is the pointer alone.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Protocol

from functions.incident.items import CONTROL_KEY, from_item, to_item
from functions.organization.policy_in_force import bundle_key
from functions.policy.bundle import Bundle, BundleError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


class Destination(Protocol):
    """The part of the functions' settings that publishing needs."""

    @property
    def table(self) -> str:
        """Name of the table with the pointer."""
        ...

    @property
    def policy_bucket(self) -> str:
        """Name of the bucket with the bundles."""
        ...


def publish(s3: S3Client, dynamodb: DynamoDBClient, settings: Destination, data: bytes) -> str:
    """Store a bundle and make it the one in force; return its digest.

    Raises BundleError, before anything is stored, if the functions could not read it, and botocore's ClientError.
    Other attributes of the pointer's item are left alone.
    """
    digest = Bundle.loads(data).digest
    s3.put_object(
        Bucket=settings.policy_bucket,
        Key=bundle_key(digest),
        Body=data,
        ContentType="application/json",
        ChecksumSHA256=base64.b64encode(hashlib.sha256(data).digest()).decode(),
    )
    _point(dynamodb, settings, digest)
    return digest


def rollback(s3: S3Client, dynamodb: DynamoDBClient, settings: Destination, digest: str) -> None:
    """Make a bundle that lies in the bucket the one in force again.

    Raises BundleError, before the pointer moves, if it is not there whole or this version could not read it, and
    botocore's ClientError.
    """
    data = s3.get_object(Bucket=settings.policy_bucket, Key=bundle_key(digest))["Body"].read()
    found = Bundle.loads(data).digest
    if found != digest:
        raise BundleError(f"the object {digest[:12]} in the bucket has the digest {found[:12]}")
    _point(dynamodb, settings, digest)


def in_force(dynamodb: DynamoDBClient, settings: Destination) -> str | None:
    """Return the digest of the bundle in force, or None before the first one."""
    answer = dynamodb.get_item(TableName=settings.table, Key=to_item(CONTROL_KEY), ConsistentRead=True)
    bundle = from_item(answer.get("Item", {})).get("bundle")
    return None if bundle is None else str(bundle)


def _point(dynamodb: DynamoDBClient, settings: Destination, digest: str) -> None:
    dynamodb.update_item(
        TableName=settings.table,
        Key=to_item(CONTROL_KEY),
        UpdateExpression="SET #bundle = :digest",
        ExpressionAttributeNames={"#bundle": "bundle"},
        ExpressionAttributeValues={":digest": {"S": digest}},
    )
