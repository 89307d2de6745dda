# SPDX-License-Identifier: Apache-2.0
"""Assuming the member role: always for one incident, one instance, one Region, and the actions of one mode."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from functions import names
from functions.aws.clients import AwsClient
from functions.context import MemberCredentials
from functions.finding.model import Target
from functions.grants import reading
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


_READING = ("autoscaling:Describe*", "ec2:Describe*", "ec2:GetConsole*", "elasticloadbalancing:Describe*")
_READING_IAM = ("iam:Get*", "iam:List*")
"""What every session may read, by pattern: the role itself narrows it, and each name by itself would not fit."""
_BESIDE_THE_INSTANCE = (  # the Region is the condition's: repeated here, it would not fit
    "ec2:*:{account}:elastic-ip/*",
    "ec2:*:{account}:network-acl/*",
    "ec2:*:{account}:network-interface/*",
    "ec2:*:{account}:security-group/*",
    "ec2:*:{account}:security-group-rule/*",
    "ec2:*:{account}:volume/*",
    "ec2:*::snapshot/*",
    "autoscaling:*:{account}:autoScalingGroup:*",
    "elasticloadbalancing:*:{account}:targetgroup/*",
)
_OF_ANY_OWNER = {"contain": ("subnet", "vpc"), "release": ("security-group", "subnet")}
"""What a VPC that is shared by RAM may have of its owner's account: itself, its subnets, groups that the host wore."""
_IDENTITIES = ("group", "role", "user")


def session_policy(target: Target, actions: Iterable[str], *, purpose: str = "contain") -> str:
    """Return the policy that narrows the session to this instance, its account and its Region.

    Reading is allowed everywhere in the Region (Describe calls know no resources). Of instances only this one may be
    changed; the ids of everything else aren't known yet, so those are left to the conditions of the role itself. The
    ARN of a shared VPC carries its owner's account, and so do groups that its owner shares. IAM has no Region: what is
    asked of it is asked of us-east-1, or of its like in another partition.
    """
    changes = sorted(action for action in set(actions) if not reading(action))
    in_region = {"Condition": {"StringEquals": {"aws:RequestedRegion": target.region}}}
    beside = [f"arn:{target.partition}:{each.format(account=target.account)}" for each in _BESIDE_THE_INSTANCE]
    shared = [f"arn:{target.partition}:ec2:*:*:{kind}/*" for kind in _OF_ANY_OWNER.get(purpose, ())]
    identities = [f"arn:{target.partition}:iam::{target.account}:{kind}/*" for kind in _IDENTITIES]
    regional, of_iam = ([each for each in changes if each.startswith("iam:") is it] for it in (False, True))
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": _READING, "Resource": "*", **in_region},
        {"Effect": "Allow", "Action": _READING_IAM, "Resource": "*"},
    ]
    if regional:
        resources = [target.arn, *beside, *shared]
        statements.append({"Effect": "Allow", "Action": regional, "Resource": resources, **in_region})
    if of_iam:
        statements.append({"Effect": "Allow", "Action": of_iam, "Resource": identities})
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
