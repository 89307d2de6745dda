# SPDX-License-Identifier: Apache-2.0
"""Sentences of SECURITY.md about roles, sessions, queue and evidence: each is told, and the code makes it so."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, cast

import pytest

from functions import names
from functions.aws.roles import SESSION_SECONDS, session_policy
from functions.grants import OF_SESSION, Grant, reading
from functions.incident.items import CONTROL_KEY
from functions.intake.case import assume
from functions.policy.model import Mode
from functions.services import Services
from functions.steps.registry import contain_grants, identity_grants, release_grants
from hub.policy.reader import parse
from hub.policy.shape import OrganizationLayer, check
from tests.authorization.deployed import HUB, SETTINGS, Q
from tests.authorization.forbidden import FORBIDDEN
from tests.authorization.security_page import (
    FUNCTIONS,
    GUARDED,
    HUB_ROLES,
    MEMBER,
    OUR_HUB,
    PAGE,
    PURPOSES,
    Statement,
    hub_statements,
    listed,
)
from tests.docs.pages import text
from tests.scenario import ACCOUNT, TARGET


def grants(needed: Callable[[], Any]) -> list[Grant]:
    return [each.grant for each in needed()]


def on_groups(needed: Callable[[], Any], *operations: str) -> list[Grant]:
    return [
        grant
        for grant in grants(needed)
        if grant.kind == "security-group" and grant.action.partition(":")[2].startswith(operations)
    ]


_SWAP = ("ModifyNetworkInterfaceAttribute",)
_SHAPE = ("Authorize", "Delete", "ModifySecurityGroup", "Revoke", "Update")


_LOOKING = (Mode.OBSERVE, Mode.APPROVE)


def by_mode(mode: Mode) -> set[str]:
    """Return the actions with which the intake assumes the contain role."""
    asked: list[Any] = []

    class Asked:
        def assume(self, *_: object, purpose: str, actions: Any) -> None:
            assert purpose == names.CONTAIN
            asked.extend(actions)

    assume(cast("Services", Asked()), TARGET, "inc-1kjq1eaw0-k57547jg", mode)
    return set(asked)


def changed_by(policy: str) -> set[str]:
    allowed = [action for statement in json.loads(policy)["Statement"] for action in listed(statement["Action"])]
    return {action for action in allowed if not reading(action)}


def only_read() -> bool:
    return all(by_mode(mode) and not changed_by(session_policy(TARGET, by_mode(mode))) for mode in _LOOKING) and bool(
        changed_by(session_policy(TARGET, by_mode(Mode.ENFORCE)))
    )


def within_one_function() -> bool:
    entering = [
        (function, statement)
        for function in FUNCTIONS
        for statement in hub_statements(function)
        if "sts:AssumeRole" in listed(statement["Action"])
    ]
    arn = f"arn:aws:lambda:{GUARDED.home_region}:{HUB}:function:"
    return len(entering) == len(PURPOSES) - 1 and all(
        statement["Condition"]["ArnEquals"] == {"lambda:SourceFunctionArn": arn + names.function(Q, function)}
        for function, statement in entering
    )


def evidence_only_added() -> bool:
    bucket = names.evidence_bucket(Q, HUB, GUARDED.home_region)
    there = (f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/incidents/inc-1/manifest.json")
    done = {
        action
        for role in HUB_ROLES
        for statement in hub_statements(role)
        if any(fnmatchcase(thing, resource) for thing in there for resource in listed(statement["Resource"]))
        for action in listed(statement["Action"])
    }
    locked = [
        each["Properties"]["ObjectLockEnabled"]
        for each in OUR_HUB.template["Resources"].values()
        if each["Type"] == "AWS::S3::Bucket" and each["Properties"]["BucketName"] == bucket
    ]
    return done == {"s3:PutObject"} and locked == [True]


def control_item_kept() -> bool:
    writes = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"}
    control = {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": [CONTROL_KEY["pk"]]}}
    for function in FUNCTIONS:
        may = {action for statement in hub_statements(function) for action in listed(statement["Action"])} & writes
        denied = {
            action
            for statement in hub_statements(function, "Deny")
            if statement["Condition"] == control
            for action in listed(statement["Action"])
        }
        if not may <= denied:
            return False
    return True


def rules_alone_send() -> bool:
    """Tell whether nobody but EventBridge may send to the intake queue, and that for the hub's own rules alone."""
    template = OUR_HUB.template["Resources"]
    (queue,) = [
        name
        for name, each in template.items()
        if each["Type"] == "AWS::SQS::Queue" and each["Properties"]["QueueName"] == names.queue(Q)
    ]
    sending = [
        OUR_HUB.resolved(statement)
        for each in template.values()
        if each["Type"] == "AWS::SQS::QueuePolicy" and {"Ref": queue} in each["Properties"]["Queues"]
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    rules = f"arn:aws:events:{GUARDED.home_region}:{HUB}:rule/{names.rule(Q, '')}"
    return bool(sending) and all(
        statement["Principal"] == {"Service": "events.amazonaws.com"}
        and all(arn.startswith(rules) for arn in listed(statement["Condition"]["ArnEquals"]["aws:SourceArn"]))
        for statement in sending
    )


def trust_is_for_one_incident() -> bool:
    for purpose in PURPOSES:
        (first, *_) = cast("list[Statement]", MEMBER.trust(names.member_role(Q, purpose))["Statement"])
        equal = first["Condition"]["StringEquals"]
        said = (equal["sts:RoleSessionName"], equal[f"aws:RequestTag/{names.incident_tag(Q)}"])
        if said != ("${sts:SourceIdentity}",) * 2 or equal["sts:ExternalId"] != names.external_id(Q, ACCOUNT):
            return False
        if equal["aws:PrincipalOrgID"] != SETTINGS.organization:
            return False
    return True


def conditions_met(grants: list[Grant], wanted: Callable[[Grant], bool]) -> bool:
    return bool(grants) and all(map(wanted, grants))


def names_an_incident(grant: Grant) -> bool:
    return {"aws:ResourceTag/status", "aws:ResourceTag/{incident_tag}"} <= {
        key for each in grant.conditions.values() for key in each
    }


def protection_stays() -> bool:
    tried = {"take protection away", "take protection from stopping away", "let shutting down terminate"}
    kept = {"ec2:Attribute/DisableApiStop", "ec2:Attribute/DisableApiTermination"}
    on_instance = [
        each
        for each in grants(contain_grants)
        if (each.action, each.resource) == ("ec2:ModifyInstanceAttribute", "instance")
    ]
    return tried <= set(FORBIDDEN["contain"]) and conditions_met(
        on_instance,
        lambda grant: all(grant.conditions["StringNotEqualsIgnoreCase"].get(key) == ("false",) for key in kept),
    )


def ceiling_outside_policy() -> bool:
    """Tell whether the ceiling is a setting of the deployment, and a word that policy refuses."""
    setting = "containments_per_hour"
    document = parse(f"version: 1\n{setting}: 500\n", "organization.yaml", "organization.yaml")
    return hasattr(SETTINGS, setting) and bool(check(document, OrganizationLayer))


def wide_on(purpose: Callable[[], Any], *wanted: tuple[str, str]) -> bool:
    """Tell whether each action is granted on every resource of a kind, whatever its name and tags."""
    wide = {(each.action, each.resource) for each in grants(purpose) if not any(map(tags, each.conditions.values()))}
    return set(wanted) <= wide


def tags(condition: Mapping[str, tuple[str, ...]]) -> bool:
    return any(key.startswith("aws:ResourceTag/") for key in condition)


SENTENCES: Mapping[str, Callable[[], bool]] = {
    "The contain role puts on tagged quarantine groups only": lambda: conditions_met(
        on_groups(contain_grants, *_SWAP), names_an_incident
    ),
    "shapes only groups that its own incident made": lambda: conditions_met(
        on_groups(contain_grants, *_SHAPE), lambda grant: grant.conditions == OF_SESSION
    ),
    "can't take protection away": protection_stays,
    "The release role can put any group on": lambda: conditions_met(
        on_groups(release_grants, *_SWAP), lambda grant: not grant.conditions
    ),
    "can neither make a group nor write a rule": lambda: (
        bool(grants(release_grants)) and not on_groups(release_grants, "Authorize", "Create", "Revoke", "Update")
    ),
    "A session lasts 900 s": lambda: SESSION_SECONDS == 900,
    "In `observe` and `approve` it only reads": only_read,
    "can assume a role from within that function alone: `lambda:SourceFunctionArn`": within_one_function,
    "Evidence is added under Object Lock; no role of the hub may read or delete it": evidence_only_added,
    "The functions can't write the control item": control_item_kept,
    "The intake queue takes messages from the hub's own rules alone": rules_alone_send,
    "an incident that SourceIdentity, session name and session tag agree on": trust_is_for_one_incident,
    "deactivates and activates access keys of any user": lambda: (
        wide_on(contain_grants, ("iam:UpdateAccessKey", "user"))
        and wide_on(release_grants, ("iam:UpdateAccessKey", "user"))
    ),
    "write any inline policy on any role of the account": lambda: wide_on(
        identity_grants, ("iam:PutRolePolicy", "role")
    ),
    "put a quarantine group on any interface, take any host out of its scaling group or target group, and add entries "
    "to any network ACL": lambda: wide_on(
        contain_grants,
        ("ec2:ModifyNetworkInterfaceAttribute", "network-interface"),
        ("autoscaling:EnterStandby", "autoScalingGroup"),
        ("elasticloadbalancing:DeregisterTargets", "targetgroup"),
        ("ec2:CreateNetworkAclEntry", "network-acl"),
    ),
    "a ceiling for the organisation that no policy lifts": ceiling_outside_policy,
}
"""Sentence of the page → whether the code makes it so."""


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_is_told_and_so(sentence: str) -> None:
    assert sentence in " ".join(text(PAGE).split())
    assert SENTENCES[sentence]()
