# SPDX-License-Identifier: Apache-2.0
"""The hub's functions: their roles allow what they call and have no idle statement; members let in them alone."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from functions import names
from functions.incident.items import CONTROL_KEY
from hub.authorization.requests import AuthorizationRequest
from hub.stacks.service_control.evidence_lock import evidence_lock
from hub.stacks.service_control.hub_guard import hub_guard
from tests.authorization.deployed import HUB, SETTINGS, Deployed, Q, hub_template
from tests.authorization.hub_requests import hub_requests
from tests.authorization.paths import PATHS, walked
from tests.authorization.sessions import ANYTHING, assuming
from tests.authorization.simulator import Case, Policies, Policy, Principal, simulate
from tests.authorization.watched import HubCall, Session
from tests.scenario import ACCOUNT

FUNCTIONS = {"intake": "contain", "release": "release"}
"""Function -> the member role that it assumes."""

NOT_CALLED: Mapping[str, str] = {
    "dynamodb:DeleteItem": "a denial, beside the writes that there are",
    "logs:CreateLogStream": "Lambda writes the function's log in the function's name",
    "logs:PutLogEvents": "Lambda writes the function's log in the function's name",
    "sqs:DeleteMessage": "Lambda takes messages in the function's name",
    "sqs:GetQueueAttributes": "Lambda takes messages in the function's name",
    "sqs:ReceiveMessage": "Lambda takes messages in the function's name",
}
"""Actions that are granted and never called by the functions' own code, and who makes use of them."""

SOMEBODY = "999900001111"
INCIDENT = "inc-1kjq1eaw0-k57547jg"


@functools.cache
def _role(function: str) -> tuple[Policy, ...]:
    return Deployed(hub_template(), HUB).policies(names.hub_role(Q, function))


def _principal(function: str) -> Principal:
    role = names.hub_role(Q, function)
    return Principal(
        f"arn:aws:sts::{HUB}:assumed-role/{role}/{names.function(Q, function)}",
        {
            "aws:PrincipalArn": f"arn:aws:iam::{HUB}:role{names.iam_path(Q)}{role}",
            "lambda:SourceFunctionArn": (
                f"arn:aws:lambda:{SETTINGS.home_region}:{HUB}:function:{names.function(Q, function)}"
            ),
        },
    )


def _session(purpose: str) -> Session:
    return Session(
        role=f"arn:aws:iam::{ACCOUNT}:role{names.iam_path(Q)}{names.member_role(Q, purpose)}",
        name=INCIDENT,
        incident=INCIDENT,
        tags={names.incident_tag(Q): INCIDENT},
        policy={},
    )


@pytest.fixture(scope="module")
def asked(bundle: bytes) -> dict[str, list[Case]]:
    """Every different question that each function's calls raise, member roles included."""
    found: dict[str, dict[tuple[str, str, str], Case]] = {function: {} for function in FUNCTIONS}
    for name in PATHS:
        seen = walked(name, bundle)
        for call in seen.hub:
            for case in _cases(call, seen.sessions.values()):
                folder = case.request.resource.rpartition("/")[0]
                key = (case.request.action, folder, str("control" in str(case.request.context)))
                found[call.function].setdefault(key, case)
    return {function: list(cases.values()) for function, cases in found.items()}


def _cases(call: HubCall, sessions: Any) -> Sequence[Case]:
    identity = _role(call.function)
    if call.service == "sts":
        mine = [each for each in sessions if each.role == call.parameters["RoleArn"]]
        return [case for each in mine[:1] for case in assuming(each, caller=call.function, identity=identity)]
    policies = Policies(identity=identity)
    return [Case(request, _principal(call.function), policies) for request in hub_requests(call)]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_call_is_allowed(asked: dict[str, list[Case]], function: str) -> None:
    """Under both service control policies, which are over the hub too."""
    guards = tuple((ANYTHING, policy(SETTINGS)) for policy in (evidence_lock, hub_guard))
    cases = [replace(case, policies=replace(case.policies, guards=guards)) for case in asked[function]]
    assert len(cases) > len(FUNCTIONS)
    refused = [str(case.request) for case, allowed in zip(cases, simulate(cases), strict=True) if not allowed]
    assert refused == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_credentials_are_worth_nothing_elsewhere(asked: dict[str, list[Case]], function: str) -> None:
    key, own = "lambda:SourceFunctionArn", names.function(Q, function)
    for changed in ({}, {key: f"arn:aws:lambda:{SETTINGS.home_region}:{HUB}:function:other"}):
        cases = [
            replace(
                case,
                principal=replace(
                    case.principal,
                    context={**{name: each for name, each in case.principal.context.items() if name != key}, **changed},
                ),
            )
            for case in asked[function]
            if str(case.principal.context[key]).endswith(f":{own}")
        ]
        assert len(cases) == len(asked[function])
        assert [case.request.action for case, may in zip(cases, simulate(cases), strict=True) if may] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_statement_is_idle(asked: dict[str, list[Case]], function: str) -> None:
    """Without any one statement a call is refused, unless Lambda itself needs it; and every action is used."""
    (policy,) = _role(function)
    allowing = [each for each in policy["Statement"] if each["Effect"] == "Allow"]
    used = {case.request.action for case in asked[function]}
    granted = {action for each in allowing for action in _listed(each["Action"])}
    assert granted - used == {action for action in granted if action in NOT_CALLED}
    without: list[tuple[str, Case]] = []
    for left_out in allowing:
        others = {**policy, "Statement": [each for each in policy["Statement"] if each is not left_out]}
        without += [
            (left_out["Sid"], replace(case, policies=replace(case.policies, identity=(others,))))
            for case in asked[function]
            if case.request.action in _listed(left_out["Action"])
        ]
    allowed = zip(without, simulate([case for _, case in without]), strict=True)
    needed = {sid for (sid, _), may in allowed if not may}
    assert needed == {each["Sid"] for each in allowing if not set(_listed(each["Action"])) <= set(NOT_CALLED)}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_can_neither_switch_itself_on_nor_choose_its_policy(function: str) -> None:
    table = f"arn:aws:dynamodb:{SETTINGS.home_region}:{HUB}:table/{names.table(Q)}"
    who, policies = _principal(function), Policies(identity=_role(function))
    writes = [
        Case(AuthorizationRequest(f"dynamodb:{action}", table, {"dynamodb:LeadingKeys": (pk,)}), who, policies)
        for action in ("PutItem", "UpdateItem")
        for pk in (CONTROL_KEY["pk"], "incident#inc-1")
    ]
    assert simulate(writes) == [False, True, False, True]
    others = {
        "s3:PutObject": f"arn:aws:s3:::{names.policy_bucket(Q, HUB, SETTINGS.home_region)}/bundles/x",
        "s3:DeleteObjectVersion": f"arn:aws:s3:::{names.evidence_bucket(Q, HUB, SETTINGS.home_region)}/incidents/x",
        "dynamodb:DeleteTable": table,
        "lambda:UpdateFunctionCode": f"arn:aws:lambda:{SETTINGS.home_region}:{HUB}:function:{function}",
        "iam:PutRolePolicy": f"arn:aws:iam::{HUB}:role/{Q}/{names.hub_role(Q, function)}",
        "sts:AssumeRole": f"arn:aws:iam::{ACCOUNT}:role/administrator",
    }
    assert not any(
        simulate([Case(AuthorizationRequest(action, arn, {}), who, policies) for action, arn in others.items()])
    )


INTRUDERS: Mapping[str, Mapping[str, Any]] = {
    # one change each from what is let in
    "another account": {"hub": SOMEBODY},
    "another organisation": {"organization": "o-somebodyelse"},
    "another member's ExternalId": {"external_id": names.external_id(Q, SOMEBODY)},
    "no ExternalId": {"external_id": None},
    "no session tag": {"drop": ("tags",)},
    "no SourceIdentity": {"drop": ("SourceIdentity",)},
    "another incident's tag": {"tags": {names.incident_tag(Q): "inc-1kjq1eaw0-zzzzzzzz"}},
    "a further tag": {"tags": {names.incident_tag(Q): INCIDENT, "department": "x"}},
    "another incident's SourceIdentity": {"incident": "inc-1kjq1eaw0-zzzzzzzz"},
    "another incident's session name": {"name": "inc-1kjq1eaw0-zzzzzzzz"},
    "no incident at all": {"incident": "probe-1", "name": "probe-1", "tags": {names.incident_tag(Q): "probe-1"}},
    "another of the hub's functions": {"caller": "other"},
    "an administrator of the hub": {"caller": "administrator"},
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_member_lets_one_function_in_and_nobody_else(function: str) -> None:
    session = _session(FUNCTIONS[function])
    others = {"the other function": {"caller": next(each for each in FUNCTIONS if each != function)}}
    tries = {"itself": {}, **INTRUDERS, **others}
    asked = [(who, case) for who, how in tries.items() for case in assuming(session, **{"caller": function, **how})]
    may = dict.fromkeys(tries, True)
    for (who, _), allowed in zip(asked, simulate([case for _, case in asked]), strict=True):
        may[who] &= allowed
    assert may == {who: who == "itself" for who in tries}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_opt_in_role_lets_both_functions_in_and_nobody_else(function: str) -> None:
    session = _session(names.IDENTITY)
    assert all(simulate(assuming(session, caller=function, identity=_role(function))))
    for how in ({"caller": names.OPERATOR}, {"caller": "watch"}, {"tags": {names.incident_tag(Q): "inc-other"}}):
        assert not all(simulate(assuming(session, **{"caller": function, **how})))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_own_right_to_assume_is_bound_to_the_function(function: str) -> None:
    session, identity = _session(FUNCTIONS[function]), _role(function)
    assert all(simulate(assuming(session, caller=function, identity=identity)))
    elsewhere = {
        "lambda:SourceFunctionArn": f"arn:aws:lambda:{SETTINGS.home_region}:{HUB}:function:other",
        "aws:ResourceOrgID": "o-somebodyelse",
    }
    other = _session(next(each for each in FUNCTIONS.values() if each != FUNCTIONS[function]))
    cases = [
        replace(case, principal=replace(case.principal, context={**case.principal.context, key: value}))
        for key, value in elsewhere.items()
        for case in assuming(session, caller=function, identity=identity)
    ]
    assert not any(simulate([*cases, *assuming(other, caller=function, identity=identity)]))


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
