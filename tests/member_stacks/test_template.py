# SPDX-License-Identifier: Apache-2.0
"""The member template: what a reviewer reads, what StackSets takes, and exactly what the records say."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import product
from typing import Any

import botocore.session
import pytest

from functions import names
from functions.settings import Settings
from functions.steps.registry import Needed, contain_grants, identity_grants, release_grants
from member_stacks.document import ATTACHED_LIMIT, POLICY_LIMIT, arn_of, characters, conditions_of, documents
from member_stacks.template import BODY_LIMIT_BYTES
from member_stacks.trust import LIMIT
from tests.member_stacks.made import (
    GOLDEN,
    MEMBER,
    PROPS,
    linted,
    policy,
    pretty,
    resolved,
    resources,
    same_as_golden,
    template,
    texts,
)

WITH_IDENTITY = replace(PROPS, identity=True)
ROLES = {"contain": contain_grants(), "release": release_grants(), "identity": identity_grants()}
FLAT = {"AWS::IAM::Group", "AWS::IAM::InstanceProfile", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role"}


def everywhere() -> tuple[str, ...]:
    """Return every Region of the largest partition."""
    return tuple(botocore.session.Session().get_available_regions("ec2", "aws"))


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def test_it_is_what_a_reviewer_has_read() -> None:
    same_as_golden(GOLDEN / "member.json", pretty(template()))


def test_with_the_identity_role_it_is_what_a_reviewer_has_read() -> None:
    same_as_golden(GOLDEN / "member-identity.json", pretty(template(WITH_IDENTITY)))


@pytest.mark.parametrize("props", [PROPS, WITH_IDENTITY, replace(WITH_IDENTITY, regions=everywhere())])
def test_it_fits(props: Any) -> None:
    whole = template(props)
    assert len(compact(whole).encode()) < BODY_LIMIT_BYTES
    for name, each in resources("IAM.ManagedPolicy", whole).items():
        assert len(compact(each["PolicyDocument"])) <= POLICY_LIMIT, name
    for name, each in resources("IAM.Role", whole).items():
        assert len(compact(each["AssumeRolePolicyDocument"])) < LIMIT, name
        assert len(each.get("ManagedPolicyArns", [])) <= ATTACHED_LIMIT, name


@pytest.mark.parametrize("props", [PROPS, WITH_IDENTITY])
def test_it_is_flat_and_needs_nothing(props: Any) -> None:
    whole = template(props)
    assert set(whole) == {"Description", "Resources"}
    assert {each["Type"] for each in whole["Resources"].values()} <= FLAT
    assert all(set(each) <= {"Type", "Properties", "DependsOn"} for each in whole["Resources"].values())
    functions = {text for text in texts(whole) if text.startswith("Fn::")}
    assert functions == {"Fn::Sub"}
    pseudo = {found for text in texts(whole) for found in re.findall(r"\$\{(AWS::\w+)\}", text)}
    assert pseudo <= {"AWS::AccountId", "AWS::Partition", "AWS::URLSuffix"}


@pytest.mark.parametrize("props", [PROPS, WITH_IDENTITY])
def test_cfn_lint_has_nothing_to_say(props: Any) -> None:
    assert linted(template(props)) == []


def test_cfn_lint_would_say_something() -> None:
    broken = json.loads(pretty(template()))
    broken["Resources"]["Restricted"]["Properties"]["Nonsense"] = 1
    assert linted(broken)


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_it_is_right_in_every_partition(partition: str) -> None:
    arns = [text for text in texts(resolved(template(WITH_IDENTITY), partition)) if text.startswith("arn:")]
    assert arns
    assert {arn.split(":")[1] for arn in arns} == {partition}
    assert not [text for text in texts(template(WITH_IDENTITY)) if re.search(r"arn:aws[\w-]*:", text)]


def triples(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (action, resource, conditions) of everything that a document allows."""
    return sorted(
        (action, resource, compact(statement.get("Condition", {})))
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action, resource in product(statement["Action"], statement["Resource"])
    )


def attached(role: str, whole: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a role's policies, by name."""
    references = [each["Ref"] for each in resources("IAM.Role", whole)[f"cordon-{role}"]["ManagedPolicyArns"]]
    names_of = [whole["Resources"][each]["Properties"]["ManagedPolicyName"] for each in references]
    return {name: policy(name, whole) for name in names_of}


def test_what_one_policy_does_not_hold_goes_into_further_ones() -> None:
    assert list(attached("contain", template())) == ["cordon-contain", "cordon-contain-2"]
    assert list(attached("release", template())) == ["cordon-release"]


def test_statements_are_spread_over_documents_in_their_order() -> None:
    statements = [{"Effect": "Allow", "Action": [f"ec2:{'x' * 2_900}{number}"]} for number in range(5)]
    made = documents(statements)
    assert [len(each["Statement"]) for each in made] == [2, 2, 1]
    assert [each for document in made for each in document["Statement"]] == statements
    assert all(characters(each) <= POLICY_LIMIT for each in made)


def expected(needed: Needed) -> tuple[str, str, str]:
    grant = needed.grant
    return (
        grant.action,
        str(resolved({"Fn::Sub": arn_of(grant, "cordon")})),
        compact(resolved(conditions_of(grant, "cordon"))),
    )


@pytest.mark.parametrize("role", ROLES)
def test_what_is_granted_is_in_the_template_and_nothing_else(role: str) -> None:
    whole = template(WITH_IDENTITY)
    assert sorted(each for document in attached(role, whole).values() for each in triples(document)) == sorted(
        expected(needed) for needed in ROLES[role]
    )
    assert "Policies" not in resources("IAM.Role", whole)[f"cordon-{role}"]


@pytest.mark.parametrize("role", ROLES)
def test_no_grant_holds_in_another_region(role: str) -> None:
    documents = attached(role, template(WITH_IDENTITY)).values()
    denied = [each for document in documents for each in document["Statement"] if each["Effect"] == "Deny"]
    regional = {
        "contain": ["autoscaling:*", "ec2:*", "elasticloadbalancing:*"],
        "release": ["autoscaling:*", "ec2:*", "elasticloadbalancing:*"],
        "identity": ["ec2:*"],
    }
    assert [(each["Action"], each["Resource"], each["Condition"]) for each in denied] == [
        (regional[role], "*", {"StringNotEquals": {"aws:RequestedRegion": list(PROPS.regions)}})
    ]


@pytest.mark.parametrize("props", [PROPS, WITH_IDENTITY])
def test_every_role_is_under_the_boundary_and_everything_in_the_path(props: Any) -> None:
    whole = template(props)
    for name, role in resources("IAM.Role", whole).items():
        limit = role["PermissionsBoundary"]["Ref"]
        assert whole["Resources"][limit]["Properties"]["ManagedPolicyName"] == "cordon-boundary", name
    assert {each["Properties"]["Path"] for each in whole["Resources"].values()} == {names.iam_path("cordon")}


def test_the_identity_role_is_made_only_when_asked_for() -> None:
    assert set(resources("IAM.Role")) == {"cordon-contain", "cordon-release"}
    assert set(resources("IAM.Role", template(WITH_IDENTITY))) == {
        "cordon-contain",
        "cordon-identity",
        "cordon-quarantined",
        "cordon-release",
    }
    quarantined = resources("IAM.Role", template(WITH_IDENTITY))["cordon-quarantined"]
    assert not {"ManagedPolicyArns", "Policies"} & set(quarantined)
    assert [text for text in texts(template()) if "iam:PutRolePolicy" in text] == []


def test_the_roles_are_those_that_the_functions_look_for() -> None:
    settings = Settings.from_env(
        {
            "AWS_REGION": "eu-west-1",
            "CORDON_ORGANIZATION": PROPS.organization,
            "CORDON_HUB_ACCOUNT": PROPS.hub_account,
            "CORDON_QUALIFIER": PROPS.qualifier,
            "CORDON_TABLE": "t",
            "CORDON_POLICY_BUCKET": "p",
            "CORDON_EVIDENCE_BUCKET": "e",
            "CORDON_TOPIC": "n",
        }
    )
    for purpose in ("contain", "release"):
        role = resources("IAM.Role")[f"cordon-{purpose}"]
        arn = f"arn:aws:iam::{MEMBER}:role{role['Path']}{role['RoleName']}"
        assert settings.role_arn("aws", MEMBER, purpose) == arn


def test_the_group_has_the_restriction_alone() -> None:
    ((name, group),) = resources("IAM.Group").items()
    assert name == "cordon-restricted"
    (attached,) = group["ManagedPolicyArns"]
    restriction = template()["Resources"][attached["Ref"]]["Properties"]
    assert restriction["ManagedPolicyName"] == "cordon-Deny-termination-of-isolated-instances"


def test_another_qualifier_shares_no_name() -> None:
    other = template(replace(WITH_IDENTITY, qualifier="staging"))
    ours = {
        name
        for kind in ("Role", "ManagedPolicy", "Group")
        for name in resources(f"IAM.{kind}", template(WITH_IDENTITY))
    }
    theirs = {name for kind in ("Role", "ManagedPolicy", "Group") for name in resources(f"IAM.{kind}", other)}
    assert len(ours) == len(theirs) > 0
    assert not ours & theirs
    assert not [text for text in texts(other) if "cordon" in text]
