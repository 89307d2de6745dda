# SPDX-License-Identifier: Apache-2.0
"""The records that the roles are made from: every action, resource type and condition key is one that AWS knows."""

from __future__ import annotations

import re

import pytest

from functions.grants import Grant, reading
from functions.steps.registry import (
    Needed,
    contain_actions,
    contain_grants,
    identity_actions,
    identity_grants,
    release_actions,
    release_grants,
)
from functions.steps.step import Step
from member_stacks.document import narrowed
from tests.authorization.reference import action, condition_keys, resource_types

ROLES = {"contain": contain_grants(), "release": release_grants(), "identity": identity_grants()}
GLOBAL = {"aws:PrincipalTag/", "aws:RequestedRegion"}
SAFE_WHEN_ABSENT = {"Null", "StringNotEqualsIgnoreCase"}
"""Operators that let a call through whose context hasn't the key (``Null`` with ``true``)."""


EVERY = [(role, needed.grant) for role, granted in ROLES.items() for needed in granted]


def told(each: tuple[str, Grant]) -> str:
    role, grant = each
    return f"{role}-{grant.action}-{grant.resource}"


@pytest.mark.parametrize("each", EVERY, ids=told)
def test_aws_knows_the_resource_and_every_key(each: tuple[str, Grant]) -> None:
    grant = each[1]
    kind = grant.kind
    if kind == "*":
        assert not action(grant.action)["resourceTypes"]
        assert not grant.conditions
        return
    assert kind in resource_types(grant.action)
    known = condition_keys(grant.action, kind)
    for keys in grant.conditions.values():
        for key in keys:
            prefix = re.sub(r"/.*", "/", key)
            assert {key, prefix} & known, f"{grant.action} on {kind} has no {key}"


@pytest.mark.parametrize("role", ROLES)
def test_what_an_action_requires_is_granted(role: str) -> None:
    granted: dict[str, set[str]] = {}
    for needed in ROLES[role]:
        granted.setdefault(needed.grant.action, set()).add(needed.grant.kind)
    for name, kinds in granted.items():
        # CreateTags and its like require none: what is tagged is what must be granted.
        assert resource_types(name, required=True) <= kinds, name


@pytest.mark.parametrize("each", EVERY, ids=told)
def test_every_grant_says_why_it_is_not_narrower(each: tuple[str, Grant]) -> None:
    assert re.fullmatch(r"[A-Z].{20,}[.]", each[1].why)


@pytest.mark.parametrize("each", EVERY, ids=told)
def test_no_spelling_of_an_attribute_can_keep_a_call_out(each: tuple[str, Grant]) -> None:
    for operator, keys in each[1].conditions.items():
        for key, values in keys.items():
            if key.startswith("ec2:Attribute"):
                assert operator in SAFE_WHEN_ABSENT
                assert operator != "Null" or values == ("true",)


def test_the_actions_of_the_session_are_those_of_the_roles() -> None:
    assert {needed.grant.action for needed in ROLES["contain"]} == contain_actions(changing=True)
    assert {needed.grant.action for needed in ROLES["release"]} == release_actions()
    assert {needed.grant.action for needed in ROLES["identity"]} == identity_actions()


@pytest.mark.parametrize("role", ROLES)
def test_no_grant_stands_twice(role: str) -> None:
    grants = [needed.grant for needed in ROLES[role]]
    assert [grant for number, grant in enumerate(grants) if grant in grants[:number]] == []


@pytest.mark.parametrize("role", ROLES)
def test_no_step_is_without_its_grants(role: str) -> None:
    from functions.steps.registry import STEPS

    def grants(step: Step) -> tuple[Grant, ...]:
        return {"contain": step.grants, "release": step.release_grants, "identity": step.identity_grants}[role]

    for step in STEPS:
        needing = [needed.grant for needed in ROLES[role] if step.name in needed.steps]
        assert set(needing) == set(grants(step))


def test_what_changes_is_narrowed_or_held_by_the_session_policy() -> None:
    """The only grants that change something and that neither a condition nor the instance's own ARN holds."""
    wide = {
        (role, needed.grant.action.removeprefix("ec2:"), needed.grant.resource)
        for role, granted in ROLES.items()
        for needed in granted
        if not narrowed(needed.grant)
        and needed.grant.resource not in ("*", "instance")
        and not reading(needed.grant.action)
    }
    assert wide == {
        ("contain", "AuthorizeSecurityGroupEgress", "security-group-rule"),
        ("contain", "AuthorizeSecurityGroupIngress", "security-group-rule"),
        ("contain", "CreateNetworkAclEntry", "network-acl"),
        ("contain", "CreateSecurityGroup", "vpc"),
        ("contain", "CreateSnapshot", "volume"),
        ("contain", "CreateSnapshots", "volume"),
        ("contain", "DisassociateAddress", "elastic-ip"),
        ("contain", "DisassociateAddress", "network-interface"),
        ("contain", "ModifyInstanceAttribute", "volume"),
        ("contain", "ModifyNetworkInterfaceAttribute", "subnet"),
        ("contain", "autoscaling:DetachInstances", "autoScalingGroup"),
        ("contain", "autoscaling:EnterStandby", "autoScalingGroup"),
        ("contain", "elasticloadbalancing:DeregisterTargets", "targetgroup"),
        ("contain", "iam:UpdateAccessKey", "user"),
        ("release", "AssociateAddress", "elastic-ip"),
        ("release", "AssociateAddress", "network-interface"),
        ("release", "DeleteNetworkAclEntry", "network-acl"),
        ("release", "ModifyInstanceAttribute", "volume"),
        ("release", "ModifyNetworkInterfaceAttribute", "security-group"),
        ("release", "ModifyNetworkInterfaceAttribute", "subnet"),
        ("release", "autoscaling:AttachInstances", "autoScalingGroup"),
        ("release", "autoscaling:ExitStandby", "autoScalingGroup"),
        ("release", "autoscaling:SetInstanceProtection", "autoScalingGroup"),
        ("release", "elasticloadbalancing:RegisterTargets", "targetgroup"),
        ("release", "iam:UpdateAccessKey", "user"),
        ("identity", "iam:DeleteRolePolicy", "role"),
        ("identity", "iam:PutRolePolicy", "role"),
    }


def test_only_release_and_creation_reach_into_another_account() -> None:
    reaching = {(role, grant.action, grant.resource) for role, grant in EVERY if grant.any_owner}
    assert reaching == {
        ("contain", "ec2:CreateSecurityGroup", "vpc"),
        ("contain", "ec2:ModifyNetworkInterfaceAttribute", "subnet"),
        ("release", "ec2:ModifyNetworkInterfaceAttribute", "security-group"),
        ("release", "ec2:ModifyNetworkInterfaceAttribute", "subnet"),
    }


def test_the_identity_role_passes_nothing_but_what_may_do_nothing() -> None:
    passed: list[Needed] = [needed for needed in ROLES["identity"] if needed.grant.action == "iam:PassRole"]
    assert [needed.grant.resource for needed in passed] == ["role/{qualifier}/{qualifier}-quarantined"]
