# SPDX-License-Identifier: Apache-2.0
"""The hub's stores: the table of incidents, the bucket of compiled policy, the bucket of evidence.

All three outlive the stack. There is no key of ours: table and buckets are encrypted with keys that AWS owns, at no
cost. A key would cost 1 USD a month. Every containment would depend on it (after a mistake in a grant or the key, no
record can be read). And a principal that may schedule its deletion would have a way round Object Lock. See ADR 0016.
"""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from functions import names
from hub.deployment.model import EvidenceSettings
from hub.stacks.acknowledged import acknowledge

_UNLOGGED = (
    "Server access logs would need a bucket of their own: the organisation's CloudTrail data events already show "
    "each access to an object."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStoresProps:
    """Properties of ``RecordStores``."""

    qualifier: str
    account: str
    region: str
    evidence: EvidenceSettings


class RecordStores(Construct):
    """The table and the two buckets."""

    def __init__(self, scope: Construct, construct_id: str, *, props: RecordStoresProps) -> None:
        super().__init__(scope, construct_id)
        place = (props.qualifier, props.account, props.region)
        self.table = dynamodb.Table(
            self,
            "Table",
            table_name=names.table(props.qualifier),
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=True,
            time_to_live_attribute="expires_at",
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self.policy = self._bucket("Policy", names.policy_bucket(*place))
        self.evidence = self._bucket("Evidence", names.evidence_bucket(*place), retention=_retention(props.evidence))

    def _bucket(self, construct_id: str, name: str, *, retention: s3.ObjectLockRetention | None = None) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            construct_id,
            bucket_name=name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            versioned=True,
            object_lock_enabled=True if retention else None,
            object_lock_default_retention=retention,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        acknowledge(bucket, "S1", _UNLOGGED)
        return bucket


def _retention(evidence: EvidenceSettings) -> s3.ObjectLockRetention:
    days = cdk.Duration.days(evidence.lock_days)
    modes = {"governance": s3.ObjectLockRetention.governance, "compliance": s3.ObjectLockRetention.compliance}
    return modes[evidence.lock_mode](days)
