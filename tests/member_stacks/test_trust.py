# SPDX-License-Identifier: Apache-2.0
"""Who may become a member role, asked of an evaluator that this project did not write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from hub.authorization.requests import AuthorizationRequest
from tests.authorization.reference import action
from tests.authorization.simulator import Case, Policies, Principal, simulate
from tests.member_stacks.made import HUB, MEMBER, ORGANIZATION, PROPS, resources, template

INCIDENT = "inc-1kjq1eaw0-k57547jg"
TAG = "cordon:incident"
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}
ASSUMED_BY = {"contain": "intake", "release": "release", "identity": "intake"}
WHOLE = replace(PROPS, identity=True)
GIVEN: Mapping[str, Mapping[str, Any]] = {
    "sts:AssumeRole": {
        "sts:ExternalId": f"cordon-{MEMBER}",
        "sts:RoleSessionName": INCIDENT,
        "sts:SourceIdentity": INCIDENT,
        f"aws:RequestTag/{TAG}": INCIDENT,
        "aws:TagKeys": (TAG,),
    },
    "sts:TagSession": {f"aws:RequestTag/{TAG}": INCIDENT, "aws:TagKeys": (TAG,)},
    "sts:SetSourceIdentity": {"sts:SourceIdentity": INCIDENT},
}


def ask(role: str, operation: str, *, without: str = "", **changes: Any) -> bool:
    """Ask as the function that the role is for, with what it says and some of that changed."""
    hub = {"account": HUB, "function": ASSUMED_BY[role], "organization": ORGANIZATION}
    hub |= {key: changes.pop(key) for key in list(changes) if key in hub}
    arn = f"arn:aws:iam::{hub['account']}:role/cordon/cordon-hub-{hub['function']}"
    context = {**GIVEN[operation], **changes.pop("given", {})}
    context.pop(without, None)
    principal = Principal(
        f"arn:aws:sts::{hub['account']}:assumed-role/cordon-hub-{hub['function']}/cordon",
        {"aws:PrincipalArn": arn, "aws:PrincipalOrgID": hub["organization"]},
    )
    trust = resources("IAM.Role", template(WHOLE))[f"cordon-{role}"]["AssumeRolePolicyDocument"]
    target = f"arn:aws:iam::{MEMBER}:role/cordon/cordon-{role}"
    policies = Policies(identity=(ANYTHING,), resource=trust)
    (allowed,) = simulate([Case(AuthorizationRequest(operation, target, context), principal, policies, owner=MEMBER)])
    return allowed


@pytest.mark.parametrize("role", ASSUMED_BY)
@pytest.mark.parametrize("operation", GIVEN)
def test_its_own_function_may(role: str, operation: str) -> None:
    assert ask(role, operation)


STRANGERS: Mapping[str, Mapping[str, Any]] = {
    "another function": {"function": "sweep"},
    "another account": {"account": "999988887777"},
    "another organisation": {"organization": "o-elsewhere000"},
}


@pytest.mark.parametrize("operation", GIVEN)
@pytest.mark.parametrize("who", STRANGERS)
def test_a_stranger_may_not(who: str, operation: str) -> None:
    assert not ask("contain", operation, **STRANGERS[who])


def test_neither_function_may_become_the_others_role() -> None:
    assert not ask("release", "sts:AssumeRole", function="intake")
    assert not ask("contain", "sts:AssumeRole", function="release")


def test_the_release_takes_away_what_the_opt_in_role_wrote() -> None:
    assert ask("identity", "sts:AssumeRole", function="release")
    assert not ask("identity", "sts:AssumeRole", function="watch")


SAID: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "another account's ExternalId": ("sts:AssumeRole", {"sts:ExternalId": "cordon-999988887777"}),
    "another incident's tag": ("sts:AssumeRole", {f"aws:RequestTag/{TAG}": "inc-1kjq1eaw0-00000000"}),
    "another session name": ("sts:AssumeRole", {"sts:RoleSessionName": "somebody"}),
    "no incident": ("sts:AssumeRole", dict.fromkeys(("sts:SourceIdentity", f"aws:RequestTag/{TAG}"), "probe-1")),
    "a further tag": ("sts:AssumeRole", {"aws:TagKeys": (TAG, "team")}),
    "no incident as tag": ("sts:TagSession", {f"aws:RequestTag/{TAG}": "probe-1"}),
    "a further tag of the session": ("sts:TagSession", {"aws:TagKeys": (TAG, "team")}),
    "no incident as SourceIdentity": ("sts:SetSourceIdentity", {"sts:SourceIdentity": "probe-1"}),
}


@pytest.mark.parametrize("what", SAID)
def test_its_own_function_may_not_say_anything_else(what: str) -> None:
    operation, given = SAID[what]
    assert not ask("contain", operation, given=given)


@pytest.mark.parametrize("operation", GIVEN)
def test_nothing_may_be_left_unsaid(operation: str) -> None:
    for key in GIVEN[operation]:
        if key != "aws:TagKeys":  # which AWS makes from the tags
            assert not ask("contain", operation, without=key), key


@pytest.mark.parametrize("role", ASSUMED_BY)
def test_each_action_has_conditions_whose_keys_it_knows(role: str) -> None:
    document = resources("IAM.Role", template(WHOLE))[f"cordon-{role}"]["AssumeRolePolicyDocument"]
    assert [statement["Action"] for statement in document["Statement"]] == list(GIVEN)
    for statement in document["Statement"]:
        known = {key.partition("${")[0] for key in action(statement["Action"])["conditionKeys"]}
        for keys in statement["Condition"].values():
            for key in keys:
                assert key.startswith("aws:Principal") or key in known or f"{key.partition('/')[0]}/" in known, key
        assert statement["Principal"] == {"AWS": f"arn:aws:iam::{HUB}:root"}


def test_a_session_is_as_short_as_iam_lets_a_role_have_it() -> None:
    roles = resources("IAM.Role", template(WHOLE))
    assert {roles[f"cordon-{role}"]["MaxSessionDuration"] for role in ASSUMED_BY} == {3600}
