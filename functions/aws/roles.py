# SPDX-License-Identifier: Apache-2.0
"""Assuming the member role: always for one incident, one instance, one Region, and the actions of one mode."""

from __future__ import annotations

import json
from collections.abc import Iterable

from functions import names
from functions.aws.clients import AwsClient
from functions.context import MemberCredentials
from functions.finding.model import Target
from functions.settings import Settings

SESSION_SECONDS = 900
"""The shortest that STS gives; role chaining allows an hour at most."""


def assume(
    sts: AwsClient, settings: Settings, target: Target, incident: str, *, purpose: str, actions: Iterable[str]
) -> MemberCredentials:
    """Return credentials of the member role ``purpose`` for this incident; raise what STS raises."""
    answer = sts.assume_role(
        RoleArn=settings.role_arn(target.partition, target.account, purpose),
        RoleSessionName=incident,
        ExternalId=settings.external_id(target.account),
        SourceIdentity=incident,
        Tags=[{"Key": names.incident_tag(settings.qualifier), "Value": incident}],
        DurationSeconds=SESSION_SECONDS,
        Policy=session_policy(target, actions, purpose=purpose),
    )
    keys = answer["Credentials"]
    return MemberCredentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


_BESIDE_THE_INSTANCE = ("network-interface", "security-group", "security-group-rule", "volume")
_OF_ANY_OWNER = {"contain": ("subnet", "vpc"), "release": ("security-group", "subnet")}
"""What a VPC that is shared by RAM may have of its owner's account: itself, its subnets, groups that the host wore."""


def session_policy(target: Target, actions: Iterable[str], *, purpose: str = "contain") -> str:
    """Return the policy that narrows the session to this instance, its account and its Region.

    Reading is allowed everywhere in the Region (Describe calls know no resources). Of instances only this one may be
    changed; the ids of interfaces, volumes, groups and snapshots aren't known yet, so those are left to the conditions
    of the role itself. The ARN of a shared VPC carries its owner's account, and so do groups that its owner shares.
    """
    wanted = sorted(set(actions))
    place = f"arn:{target.partition}:ec2:{target.region}"
    in_region = {"StringEquals": {"aws:RequestedRegion": target.region}}
    statements = [
        {
            "Effect": "Allow",
            "Action": [action for action in wanted if ":Describe" in action],
            "Resource": "*",
            "Condition": in_region,
        }
    ]
    changes = [action for action in wanted if ":Describe" not in action]
    if changes:
        shared = _OF_ANY_OWNER[purpose]
        beside = [f"{place}:{target.account}:{kind}/*" for kind in _BESIDE_THE_INSTANCE if kind not in shared]
        beside += [f"{place}:*:{kind}/*" for kind in shared]
        statements.append(
            {
                "Effect": "Allow",
                "Action": changes,
                "Resource": [target.arn, f"{place}::snapshot/*", *beside],
                "Condition": in_region,
            }
        )
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
