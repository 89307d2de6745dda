# SPDX-License-Identifier: Apache-2.0
"""Denial, restriction and boundary, asked of an evaluator that this project did not write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from functions.names import DENIED_TAGS
from hub.authorization.requests import AuthorizationRequest
from member_stacks.kept import KEPT
from tests.authorization.reference import condition_keys, matching, resource_types
from tests.authorization.simulator import Case, Policies, Principal, simulate
from tests.member_stacks.made import FORENSICS, MEMBER, PROPS, policy, template

ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
EC2 = f"arn:aws:ec2:eu-west-1:{MEMBER}"
HOST = f"{EC2}:instance/i-0a1b2c3d4e5f60718"
OTHER = f"{EC2}:instance/i-00000000000000002"
BUCKET = "arn:aws:s3:::payments"


def allowed(
    document: Mapping[str, Any],
    requests: Sequence[AuthorizationRequest],
    who: Mapping[str, str | tuple[str, ...]] | None = None,
    *,
    as_boundary: bool = False,
) -> list[bool]:
    """Ask for each request whether a role that may do anything may do it under this policy too."""
    principal = Principal(f"arn:aws:sts::{MEMBER}:assumed-role/web/i-1", who or {})
    policies = (
        Policies(identity=(ANYTHING,), boundary=document) if as_boundary else Policies(identity=(ANYTHING, document))
    )
    return simulate([Case(request, principal, policies) for request in requests])


READ = AuthorizationRequest("s3:GetObject", f"{BUCKET}/ledger", {})
WAY_IN = [
    AuthorizationRequest("ssm:UpdateInstanceInformation", HOST, {}),
    AuthorizationRequest("ssmmessages:OpenDataChannel", "*", {}),
    AuthorizationRequest("ec2messages:GetMessages", "*", {}),
]


@pytest.mark.parametrize("number", range(1, DENIED_TAGS + 1))
def test_a_role_is_denied_for_the_instance_that_a_tag_names(number: int) -> None:
    tag = {f"aws:PrincipalTag/cordon-denied-{number}": HOST}
    on_host, elsewhere = {"ec2:SourceInstanceARN": HOST, **tag}, {"ec2:SourceInstanceARN": OTHER, **tag}
    assert allowed(policy("cordon-denial"), [READ], on_host) == [False]
    assert allowed(policy("cordon-denial"), [READ], elsewhere) == [True]
    assert allowed(policy("cordon-denial"), [READ], tag) == [True]  # not an instance's credentials at all


def test_the_investigators_way_in_survives_the_denial() -> None:
    denied = {"ec2:SourceInstanceARN": HOST, "aws:PrincipalTag/cordon-denied-1": HOST}
    assert allowed(policy("cordon-denial"), [*WAY_IN, READ], denied) == [True, True, True, False]


@pytest.mark.parametrize("number", range(1, DENIED_TAGS + 1))
def test_the_way_in_is_denied_by_a_tag_of_its_own(number: int) -> None:
    tag = {f"aws:PrincipalTag/cordon-denied-ssm-{number}": HOST}
    on_host, elsewhere = {"ec2:SourceInstanceARN": HOST, **tag}, {"ec2:SourceInstanceARN": OTHER, **tag}
    assert allowed(policy("cordon-denial"), [*WAY_IN, READ], on_host) == [False, False, False, True]
    assert allowed(policy("cordon-denial"), [*WAY_IN, READ], elsewhere) == [True, True, True, True]


@pytest.mark.parametrize("value", [None, "", "*", "none", "arn:aws:ec2:*:*:instance/*"])
def test_a_tag_that_names_no_instance_denies_nobody(value: str | None) -> None:
    tags = {} if value is None else {"aws:PrincipalTag/cordon-denied-2": value}
    assert allowed(policy("cordon-denial"), [READ], {"ec2:SourceInstanceARN": HOST, **tags}) == [True]


RESTRICTION = "cordon-Deny-termination-of-isolated-instances"


def test_what_is_isolated_is_left_alone() -> None:
    restriction = policy(RESTRICTION)
    isolated, tag = {"aws:ResourceTag/status": "isolated"}, {"aws:ResourceTag/status": "live"}
    for name in ("TerminateInstances", "StopInstances", "RebootInstances", "ModifyInstanceAttribute", "DeleteTags"):
        on_isolated, on_live = (AuthorizationRequest(f"ec2:{name}", HOST, tags) for tags in (isolated, tag))
        assert allowed(restriction, [on_isolated, on_live]) == [False, True], name


@pytest.mark.parametrize("tags", [{"status": "isolated"}, {"cordon:incident": "inc-1"}])
def test_everything_that_is_kept_is_denied_on_what_is_isolated(tags: Mapping[str, str]) -> None:
    asked = [
        AuthorizationRequest(action, f"{EC2 if kind != 'snapshot' else EC2.removesuffix(MEMBER)}:{kind}/x-1", context)
        for pattern in KEPT
        for action in matching(pattern)
        for kind in ("instance", "network-interface", "security-group", "snapshot", "volume")
        if kind in resource_types(action) and "aws:ResourceTag/" in condition_keys(action, kind)
        for context in ({}, {f"aws:ResourceTag/{key}": value for key, value in tags.items()})
    ]
    names = {each.action.lower() for each in asked}
    assert names > {"ec2:createimage", "ec2:createnetworkinterfacepermission", "ec2:modifyinstanceplacement"}
    assert allowed(policy(RESTRICTION), asked) == [not each.context for each in asked]


def test_a_tag_of_the_same_name_in_other_letters_hides_nothing() -> None:
    """IAM takes ``Status`` for ``status``: which of the two it compares is not known."""
    tags = {"aws:ResourceTag/Status": "live", "aws:ResourceTag/cordon:incident": "inc-1"}
    assert allowed(policy(RESTRICTION), [AuthorizationRequest("ec2:TerminateInstances", HOST, tags)]) == [False]


def test_whoever_is_restricted_stays_restricted() -> None:
    ours = f"arn:aws:iam::{MEMBER}:policy/cordon/{RESTRICTION}"
    group = f"arn:aws:iam::{MEMBER}:group/cordon/cordon-restricted"
    user, role = (f"arn:aws:iam::{MEMBER}:{each}" for each in ("user/alice", "role/operator"))
    refused = [
        AuthorizationRequest("iam:RemoveUserFromGroup", group, {}),
        AuthorizationRequest("iam:DetachGroupPolicy", group, {"iam:PolicyARN": ours}),
        AuthorizationRequest("iam:PutGroupPolicy", group, {}),
        AuthorizationRequest("iam:DeleteGroup", group, {}),
        AuthorizationRequest("iam:UpdateGroup", group, {}),
        AuthorizationRequest("iam:CreatePolicyVersion", ours, {}),
        AuthorizationRequest("iam:SetDefaultPolicyVersion", ours, {}),
        AuthorizationRequest("iam:DeletePolicy", ours, {}),
        AuthorizationRequest("iam:DetachUserPolicy", user, {"iam:PolicyARN": ours}),
        AuthorizationRequest("iam:DetachRolePolicy", role, {"iam:PolicyARN": ours}),
    ]
    assert allowed(policy(RESTRICTION), refused) == [False] * len(refused)
    other = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    free = [
        AuthorizationRequest("iam:AddUserToGroup", group, {}),
        AuthorizationRequest("iam:GetGroup", group, {}),
        AuthorizationRequest("iam:ListEntitiesForPolicy", ours, {}),
        AuthorizationRequest("iam:RemoveUserFromGroup", f"arn:aws:iam::{MEMBER}:group/others", {}),
        AuthorizationRequest("iam:DetachUserPolicy", user, {"iam:PolicyARN": other}),
        AuthorizationRequest("iam:AttachUserPolicy", user, {"iam:PolicyARN": ours}),
    ]
    assert allowed(policy(RESTRICTION), free) == [True] * len(free)


def test_the_serial_console_sees_no_tags_and_is_denied() -> None:
    console = AuthorizationRequest("ec2-instance-connect:SendSerialConsoleSSHPublicKey", HOST, {})
    assert resource_types(console.action) == {"instance"}
    assert not condition_keys(console.action, "instance")
    assert allowed(policy(RESTRICTION), [console]) == [False]


def test_nobody_says_falsely_that_something_is_isolated() -> None:
    restriction = policy(RESTRICTION)

    def tagging(key: str, value: str) -> AuthorizationRequest:
        return AuthorizationRequest("ec2:CreateTags", HOST, {f"aws:RequestTag/{key}": value, "aws:TagKeys": (key,)})

    forged = [tagging("status", "isolated"), tagging("status", "Isolated"), tagging("cordon:incident", "inc-1")]
    assert allowed(restriction, forged) == [False, False, False]
    assert allowed(restriction, [tagging("status", "live"), tagging("team", "payments")]) == [True, True]
    taken = AuthorizationRequest("ec2:DeleteTags", HOST, {"aws:TagKeys": ("cordon:incident",)})
    assert allowed(restriction, [taken]) == [False]


def test_the_restriction_asks_nothing_about_who_calls() -> None:
    keys = {
        key
        for statement in policy(RESTRICTION)["Statement"]
        for condition in statement.get("Condition", {}).values()
        for key in condition
    }
    assert not [key for key in keys if "Principal" in key]


OF_THE_ACCOUNT = "ec2:ModifyInstanceMetadataDefaults"
"""Fits a pattern, and has no tag that could deny it."""


@pytest.mark.parametrize("pattern", KEPT)
def test_ec2_knows_the_tags_of_what_is_kept(pattern: str) -> None:
    for name in set(matching(pattern)) - {OF_THE_ACCOUNT}:
        assert [kind for kind in resource_types(name) if "aws:ResourceTag/" in condition_keys(name, kind)], name


WHOLE = replace(PROPS, identity=True)
OURS = [
    AuthorizationRequest("iam:PutRolePolicy", f"arn:aws:iam::{MEMBER}:role/cordon/cordon-contain", {}),
    AuthorizationRequest("iam:DeleteRole", f"arn:aws:iam::{MEMBER}:role/cordon/cordon-release", {}),
    AuthorizationRequest("iam:DeleteRolePermissionsBoundary", f"arn:aws:iam::{MEMBER}:role/cordon/cordon-contain", {}),
    AuthorizationRequest("iam:CreatePolicyVersion", f"arn:aws:iam::{MEMBER}:policy/cordon/cordon-boundary", {}),
    AuthorizationRequest("iam:DetachGroupPolicy", f"arn:aws:iam::{MEMBER}:group/cordon/cordon-restricted", {}),
    AuthorizationRequest("iam:DeleteGroup", f"arn:aws:iam::{MEMBER}:group/cordon/cordon-restricted", {}),
    AuthorizationRequest("sts:AssumeRole", f"arn:aws:iam::{MEMBER}:role/cordon/cordon-release", {}),
    AuthorizationRequest("sts:AssumeRole", "arn:aws:iam::999988887777:role/elsewhere", {}),
]
SNAPSHOT = "arn:aws:ec2:eu-west-1::snapshot/snap-0a1b2c3d4e5f60718"


def test_the_boundary_keeps_the_roles_from_themselves_and_from_other_roles() -> None:
    boundary = policy("cordon-boundary", template(WHOLE))
    for as_boundary in (True, False):  # False: denied outright, not merely left out
        assert allowed(boundary, OURS, as_boundary=as_boundary) == [False] * len(OURS)


def test_the_boundary_lets_evidence_go_to_the_forensics_account_alone() -> None:
    boundary = policy("cordon-boundary", template(WHOLE))

    def shared(**whom: tuple[str, ...]) -> AuthorizationRequest:
        return AuthorizationRequest(
            "ec2:ModifySnapshotAttribute", SNAPSHOT, {f"ec2:Add/{key}": each for key, each in whom.items()}
        )

    strangers = [
        shared(userId=("999988887777",)),
        shared(group=("all",)),
    ]
    assert allowed(boundary, strangers) == [False, False]
    assert allowed(boundary, [shared(userId=(FORENSICS,))]) == [True]
    assert allowed(boundary, [shared(userId=(FORENSICS,))], as_boundary=True) == [False]  # until a step needs it


def test_the_boundary_leaves_what_the_roles_need() -> None:
    boundary = policy("cordon-boundary", template(WHOLE))
    here, elsewhere = {"aws:RequestedRegion": "eu-west-1"}, {"aws:RequestedRegion": "ap-south-1"}
    role = f"arn:aws:iam::{MEMBER}:role/payments/web"
    requests = [
        AuthorizationRequest("ec2:ModifyInstanceAttribute", HOST, here),
        AuthorizationRequest("iam:PutRolePolicy", role, {}),
        AuthorizationRequest("iam:PassRole", f"arn:aws:iam::{MEMBER}:role/cordon/cordon-quarantined", {}),
        AuthorizationRequest("iam:AttachRolePolicy", role, {}),
        AuthorizationRequest("iam:AddUserToGroup", f"arn:aws:iam::{MEMBER}:group/cordon/cordon-restricted", {}),
        AuthorizationRequest("iam:RemoveUserFromGroup", f"arn:aws:iam::{MEMBER}:group/cordon/cordon-restricted", {}),
        AuthorizationRequest("ec2:ModifyInstanceAttribute", HOST, elsewhere),
        AuthorizationRequest("iam:AttachUserPolicy", f"arn:aws:iam::{MEMBER}:user/ann", {}),
        AuthorizationRequest("ec2:TerminateInstances", HOST, here),
    ]
    assert allowed(boundary, requests, as_boundary=True) == [True] * 6 + [False] * 3
