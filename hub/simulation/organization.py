# SPDX-License-Identifier: Apache-2.0
"""Builds the world that a ``WorldSpec`` describes: the organisation, the hub's things, the member accounts.

It works on moto's backends directly: a hundred boto3 calls would take longer than the whole simulation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from functions import names as deployed
from hub.simulation.members import EC2_TRUST, MemberBuilder
from hub.simulation.names import Names
from hub.simulation.patches import Patches
from hub.simulation.world_spec import MANAGEMENT, AccountSpec, WorldSpec

ROLE_PURPOSES = ("contain", "release")
IDENTITY = "identity"
"""The purpose of the opt-in role."""

_DENYING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})


def build(spec: WorldSpec, names: Names, now: datetime) -> None:
    """Make everything that the world lists, and the deployment itself, in moto's backends."""
    special = {
        spec.organization.hub: AccountSpec(name="security-hub"),
        spec.organization.forensics: AccountSpec(name="forensics"),
    }
    accounts = {**special, **spec.accounts}
    named = {account_id: (account.name, account.ou) for account_id, account in accounts.items()}
    build_organization(spec.organization.id, MANAGEMENT, named)
    _build_hub(names)
    for account in accounts:
        # The hub and the forensics account are members too: StackSets reach everyone but the management account.
        _build_roles(names, account, (*ROLE_PURPOSES, *((IDENTITY,) if spec.organization.identity_role else ())))
        _build_identity(names, account, with_profile=spec.organization.identity_role)
    MemberBuilder(spec, now).build()


def build_organization(organization: str, management: str, accounts: Mapping[str, tuple[str, str]]) -> None:
    """Make an organisation with the ids given; ``accounts``: id -> name and path of the OU."""
    from moto.organizations import utils
    from moto.organizations.models import organizations_backends

    backend: Any = organizations_backends[management]["aws"]
    patches = Patches()
    try:
        patches.replace(utils, "make_random_org_id", lambda: organization)
        patches.replace(utils, "make_random_account_id", lambda: management)
        backend.create_organization("us-east-1", FeatureSet="ALL")
        units = {"/": backend.org.root_id}
        for account_id, (name, ou) in accounts.items():
            patches.replace(utils, "make_random_account_id", lambda account_id=account_id: account_id)
            backend.create_account(AccountName=name, Email=f"{account_id}@example.com")
            backend.get_account_by_id(account_id).parent_id = _unit(backend, units, ou)
    finally:
        patches.undo()


def _unit(backend: Any, units: dict[str, str], path: str) -> str:
    """Return the id of an OU, made with its parents where it is missing."""
    parent, _, name = path.rstrip("/").rpartition("/")
    key = path.rstrip("/") or "/"
    if key not in units:
        parent_id = _unit(backend, units, parent or "/")
        made = backend.create_organizational_unit(ParentId=parent_id, Name=name)
        units[key] = made["OrganizationalUnit"]["Id"]
    return units[key]


def _build_hub(names: Names) -> None:
    from moto.dynamodb.models import dynamodb_backends
    from moto.s3.models import s3_backends
    from moto.sns.models import sns_backends

    hub = names.organization.hub
    dynamodb_backends[hub][names.home_region].create_table(
        names.table,
        schema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        attr=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
        throughput=None,
        global_indexes=None,
        indexes=None,
        streams=None,
        billing_mode="PAY_PER_REQUEST",
        sse_specification=None,
        tags=[],
        deletion_protection_enabled=False,
        warm_throughput=None,
    )
    storage = s3_backends[hub]["aws"]
    for bucket in (names.policy_bucket, names.evidence_bucket):
        storage.create_bucket(bucket, names.home_region)
        storage.put_bucket_versioning(bucket, "Enabled")
    sns_backends[hub][names.home_region].create_topic(names.topic.rpartition(":")[2])


def _build_roles(names: Names, account: str, purposes: Iterable[str]) -> None:
    """Make the member roles that the member stack would make."""
    from moto.iam.models import iam_backends

    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{names.organization.hub}:root"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": names.external_id(account)}},
            },
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{names.organization.hub}:root"},
                "Action": ["sts:TagSession", "sts:SetSourceIdentity"],
            },
        ],
    }
    for purpose in purposes:
        iam_backends[account]["aws"].create_role(
            role_name=f"{names.qualifier}-{purpose}",
            assume_role_policy_document=json.dumps(trust),
            path=f"/{names.qualifier}/",
            permissions_boundary=None,
            description="",
            tags=[],
            max_session_duration="3600",
        )


def _build_identity(names: Names, account: str, *, with_profile: bool) -> None:
    """Make what the member stack has for identities: the denial, the restricted group, the quarantined profile.

    What the policies say doesn't matter here: the simulation evaluates no permissions.
    """
    from moto.iam.models import ManagedPolicy, iam_backends

    make: Any = ManagedPolicy
    backend: Any = iam_backends[account]["aws"]
    qualifier, path = names.qualifier, deployed.iam_path(names.qualifier)
    group = backend.create_group(deployed.restricted_group(qualifier), path)
    for name in (deployed.member_policy(qualifier, "denial"), deployed.restriction_policy(qualifier)):
        # by itself: the backend would validate each document, in every account of every simulation
        policy = make(name, account_id=account, region="us-east-1", path=path, document=_DENYING)
        backend.managed_policies[policy.arn] = policy
    backend.attach_group_policy(policy.arn, group.name)
    if with_profile:
        empty = deployed.quarantined_role(qualifier)
        backend.create_role(empty, EC2_TRUST, path, None, "", [], "3600")
        backend.create_instance_profile(empty, path, [empty])
