# SPDX-License-Identifier: Apache-2.0
"""Which resources the operations of services beside EC2 involve, and which condition keys they carry: a table too.

From the service authorization reference of each service; a test compares the two. Calls name things where IAM asks for
ARNs: an IAM name says nothing of the path, and an Auto Scaling group's nothing of its UUID, so both are looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

IAM_PREFIXES: Mapping[str, str] = {"elbv2": "elasticloadbalancing"}
"""Services that IAM names otherwise than the SDK does."""

PATTERNS: Mapping[str, str] = {
    # kind -> the ARN of one that isn't there, for which IAM asks all the same
    "autoScalingGroup": "arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{name}",
    "group": "arn:{partition}:iam::{account}:group/{name}",
    "instance-profile": "arn:{partition}:iam::{account}:instance-profile/{name}",
    "role": "arn:{partition}:iam::{account}:role/{name}",
    "user": "arn:{partition}:iam::{account}:user/{name}",
}

TAGGED = frozenset({"autoScalingGroup", "role", "targetgroup", "user"})
"""Kinds whose tags IAM knows under the service's own key, beside ``aws:ResourceTag``."""


@dataclass(frozen=True, slots=True)
class NamedResource:
    """One type of resource that an operation involves.

    kind    the type, as the reference names it
    ids     JMESPath of the names in the parameters, or of the ARNs where the kind has no pattern
    """

    kind: str
    ids: str


_SCALING = (NamedResource("autoScalingGroup", "AutoScalingGroupName"),)
_TARGETS = (NamedResource("targetgroup", "TargetGroupArn"),)
_ROLE = (NamedResource("role", "RoleName"),)
_USER = (NamedResource("user", "UserName"),)
_GROUP = (NamedResource("group", "GroupName"),)

ELSEWHERE: Mapping[str, tuple[NamedResource, ...]] = {
    "autoscaling:DescribeAutoScalingGroups": (),
    "autoscaling:DescribeAutoScalingInstances": (),
    "autoscaling:AttachInstances": _SCALING,
    "autoscaling:DetachInstances": _SCALING,
    "autoscaling:EnterStandby": _SCALING,
    "autoscaling:ExitStandby": _SCALING,
    "autoscaling:SetInstanceProtection": _SCALING,
    "elasticloadbalancing:DescribeTargetGroups": (),
    "elasticloadbalancing:DescribeTargetHealth": (),
    "elasticloadbalancing:DeregisterTargets": _TARGETS,
    "elasticloadbalancing:RegisterTargets": _TARGETS,
    "iam:AddUserToGroup": _GROUP,
    "iam:AttachRolePolicy": _ROLE,
    "iam:DeleteRolePolicy": _ROLE,
    "iam:DetachRolePolicy": _ROLE,
    "iam:GetInstanceProfile": (NamedResource("instance-profile", "InstanceProfileName"),),
    "iam:GetRole": _ROLE,
    "iam:GetRolePolicy": _ROLE,
    "iam:ListAccessKeys": _USER,
    "iam:ListAttachedRolePolicies": _ROLE,
    "iam:ListGroupsForUser": _USER,
    "iam:PutRolePolicy": _ROLE,
    "iam:RemoveUserFromGroup": _GROUP,
    "iam:TagRole": _ROLE,
    "iam:UntagRole": _ROLE,
    "iam:UpdateAccessKey": _USER,
}

KEYS: Mapping[str, Mapping[str, str]] = {
    # operation -> condition key -> JMESPath of its values; a list is a key of several values
    "iam:AttachRolePolicy": {"iam:PolicyARN": "PolicyArn"},
    "iam:DetachRolePolicy": {"iam:PolicyARN": "PolicyArn"},
    "iam:TagRole": {"aws:TagKeys": "Tags[].Key"},
    "iam:UntagRole": {"aws:TagKeys": "TagKeys"},
}

GLOBAL_REGIONS: Mapping[str, str] = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
}
"""Where IAM is in each partition: the Region that it is asked of, wherever the caller is (IAM's endpoints)."""
