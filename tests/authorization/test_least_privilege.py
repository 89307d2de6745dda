# SPDX-License-Identifier: Apache-2.0
"""Least privilege both ways: every call on every path is allowed, and no grant is there that no call needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

import pytest

from functions import names
from functions.aws.roles import session_policy
from functions.grants import Grant
from functions.steps.registry import (
    contain_actions,
    contain_grants,
    identity_actions,
    identity_grants,
    release_actions,
    release_grants,
)
from hub.authorization.requests import AuthorizationRequest, CallPlace, requests_of
from hub.stacks.service_control.evidence_lock import evidence_lock
from member_stacks.document import document, documents, statements_of
from tests.authorization.deployed import SETTINGS, Deployed, Q, member_template
from tests.authorization.forbidden import ALLOWED, FORBIDDEN, INCIDENT, OURS, Call
from tests.authorization.paths import PATHS, walked
from tests.authorization.sessions import ANYTHING, MEMBERS, cases, member, role_policies, without_identity
from tests.authorization.simulator import Case, Policies, Policy, simulate
from tests.authorization.watched import MemberCall, Session
from tests.scenario import ACCOUNT, REGION, TARGET

GRANTS: Mapping[str, tuple[Grant, ...]] = {
    "contain": tuple(needed.grant for needed in contain_grants()),
    "release": tuple(needed.grant for needed in release_grants()),
    "identity": tuple(needed.grant for needed in identity_grants()),
}
REMOVALS = [(purpose, number) for purpose in MEMBERS for number in range(len(GRANTS[purpose]))]


def _policies(grants: Sequence[Grant]) -> tuple[Policy, ...]:
    made = documents(statements_of(grants, qualifier=Q, regions=SETTINGS.regions))
    return tuple(Deployed(member_template(), ACCOUNT).resolved(made))


def _called(bundle: bytes) -> list[MemberCall]:
    return [call for name in PATHS for call in walked(name, bundle).members]


@pytest.fixture(scope="module")
def asked(bundle: bytes) -> list[Case]:
    """Every different question of every path."""
    return cases(_called(bundle))


def _refused(cases: Sequence[Case]) -> list[str]:
    return [str(case.request) for case, allowed in zip(cases, simulate(cases), strict=True) if not allowed]


@pytest.mark.parametrize("name", PATHS)
def test_a_path_runs_in_member_roles_alone(bundle: bytes, name: str) -> None:
    seen = walked(name, bundle)
    assert seen.members
    assert {call.session.purpose for call in seen.members} <= set(MEMBERS)


def test_every_call_is_allowed(asked: list[Case]) -> None:
    assert _refused(asked) == []


def test_every_call_is_allowed_under_the_evidence_lock(asked: list[Case]) -> None:
    guards = ((ANYTHING, evidence_lock(SETTINGS)),)
    assert _refused([replace(case, policies=replace(case.policies, guards=guards)) for case in asked]) == []


def test_every_call_is_allowed_however_ec2_spells_an_attribute(asked: list[Case]) -> None:
    """How EC2 spells attributes for IAM, and whether it tells them at all, is not documented: see ADR 0018."""
    attributed = [case for case in asked if "ec2:Attribute" in case.request.context]
    assert attributed
    assert _refused([variant for case in attributed for variant in _spellings(case)]) == []


def _spellings(case: Case) -> Iterator[Case]:
    context = case.request.context
    others = {key: value for key, value in context.items() if not key.startswith("ec2:Attribute")}
    (name,) = [value for key, value in context.items() if key == "ec2:Attribute"]
    values = [value for key, value in context.items() if key.startswith("ec2:Attribute/")] or ["x"]
    assert isinstance(name, str)
    camel = name[0].lower() + name[1:]
    for spelt in (
        {},
        {"ec2:Attribute": camel},
        {"ec2:Attribute": camel, f"ec2:Attribute/{camel}": values[0]},
        {f"ec2:Attribute/{name}": str(values[0]).capitalize()},
    ):
        yield replace(case, request=replace(case.request, context={**others, **spelt}))


def test_what_a_shared_vpc_has_of_its_owner_is_allowed() -> None:
    place = CallPlace("aws", ACCOUNT, REGION, owner={"vpc-shared": "999900001111", "sg-shared": "999900001111"}.get)
    tags = [{"Key": key, "Value": value} for key, value in OURS.items()]
    made = {"VpcId": "vpc-shared", "TagSpecifications": [{"ResourceType": "security-group", "Tags": tags}]}
    back = {"NetworkInterfaceId": "eni-x", "Groups": ["sg-shared"]}
    contain = requests_of("CreateSecurityGroup", made, place, lambda _: {})
    release = requests_of("ModifyNetworkInterfaceAttribute", back, place, lambda _: OURS)
    assert _refused([*_of("contain", contain), *_of("release", release)]) == []
    assert not all(simulate(_of("contain", release)))


def test_the_policies_are_those_of_the_template() -> None:
    for purpose in MEMBERS:
        assert role_policies(ACCOUNT, purpose).identity == _policies(GRANTS[purpose])


@cache
def _kept() -> dict[tuple[str, int], tuple[Policy, ...]]:
    return {
        (purpose, left_out): _policies([grant for number, grant in enumerate(GRANTS[purpose]) if number != left_out])
        for purpose, left_out in REMOVALS
    }


def _concerns(grant: Grant, request: AuthorizationRequest) -> bool:
    kind = request.resource if request.resource == "*" else request.resource.split(":")[5].split("/")[0]
    return (request.action, kind) == (grant.action, grant.kind)


@pytest.fixture(scope="module")
def needed(asked: list[Case]) -> dict[tuple[str, int], bool]:
    """Whether any call is refused without a grant; evaluated at once, since starting the simulator takes its time."""
    without = [
        (removal, without_identity(case, _kept()[removal]))
        for removal in REMOVALS
        for case in asked
        if _concerns(GRANTS[removal[0]][removal[1]], case.request)
        and case.principal.arn.split("/")[1] == names.member_role(Q, removal[0])
    ]
    found = dict.fromkeys(REMOVALS, False)
    for (removal, _), allowed in zip(without, simulate([case for _, case in without]), strict=True):
        found[removal] |= not allowed
    return found


@pytest.mark.parametrize(
    "removal",
    REMOVALS,
    ids=[
        f"{purpose}-{GRANTS[purpose][number].action}-{GRANTS[purpose][number].resource}-{number}"
        for purpose, number in REMOVALS
    ],
)
def test_without_any_one_grant_a_call_is_refused(needed: dict[tuple[str, int], bool], removal: tuple[str, int]) -> None:
    assert needed[removal], GRANTS[removal[0]][removal[1]]


def test_every_action_granted_is_used(asked: list[Case]) -> None:
    for purpose in MEMBERS:
        role = names.member_role(Q, purpose)
        used = {case.request.action for case in asked if case.principal.arn.split("/")[1] == role}
        assert used == {grant.action for grant in GRANTS[purpose]}


def _session(purpose: str, *, changing: bool = True) -> Session:
    of_purpose = {
        "contain": contain_actions(changing=changing),
        "release": release_actions(),
        "identity": identity_actions(),
    }
    actions = of_purpose[purpose]
    return Session(
        role=f"arn:aws:iam::{ACCOUNT}:role/{Q}/{names.member_role(Q, purpose)}",
        name=INCIDENT,
        incident=INCIDENT,
        tags={names.incident_tag(Q): INCIDENT},
        policy=json.loads(session_policy(TARGET, actions, purpose=purpose)),
    )


def _of(purpose: str, requests: Sequence[AuthorizationRequest], *, changing: bool = True) -> list[Case]:
    session = _session(purpose, changing=changing)
    policies = replace(role_policies(ACCOUNT, purpose), session=session.policy)
    return [Case(request, member(session), policies) for request in requests]


def _may(purpose: str, calls: Mapping[str, Call], *, changing: bool = True) -> dict[str, bool]:
    asked = [(name, case) for name, call in calls.items() for case in _of(purpose, call.requests(), changing=changing)]
    found = dict.fromkeys(calls, True)
    for (name, _), allowed in zip(asked, simulate([case for _, case in asked]), strict=True):
        found[name] &= allowed
    return found


@pytest.mark.parametrize("purpose", MEMBERS)
def test_what_differs_in_one_thing_is_forbidden(purpose: str) -> None:
    assert _may(purpose, ALLOWED[purpose]) == dict.fromkeys(ALLOWED[purpose], True)
    assert _may(purpose, FORBIDDEN[purpose]) == dict.fromkeys(FORBIDDEN[purpose], False)


def test_an_observing_session_changes_nothing() -> None:
    assert _may("contain", ALLOWED["contain"], changing=False) == dict.fromkeys(ALLOWED["contain"], False)


DENIALS: Mapping[str, AuthorizationRequest] = {
    "NoOtherRegion": AuthorizationRequest("ec2:DescribeInstances", "*", {"aws:RequestedRegion": "ap-south-1"}),
    "NothingOfItsOwn": AuthorizationRequest("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/{Q}/{Q}-contain", {}),
    "NoFurtherRole": AuthorizationRequest("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/administrator", {}),
    "EvidenceToNobodyElse": AuthorizationRequest(
        "ec2:ModifySnapshotAttribute",
        "arn:aws:ec2:eu-west-1::snapshot/snap-x",
        {"aws:RequestedRegion": REGION, "ec2:Add/userId": ("999900001111",)},
    ),
    "EvidenceToNoGroup": AuthorizationRequest(
        "ec2:ModifySnapshotAttribute",
        "arn:aws:ec2:eu-west-1::snapshot/snap-x",
        {"aws:RequestedRegion": REGION, "ec2:Add/group": ("all",)},
    ),
}


def test_each_denial_is_what_denies() -> None:
    """Whatever else one day allows it: with everything allowed beside, the denial decides, and it alone."""
    for purpose in MEMBERS:
        policies = role_policies(ACCOUNT, purpose)
        assert policies.boundary is not None
        statements = [each for made in (*policies.identity, policies.boundary) for each in made["Statement"]]
        denials = [each for each in statements if each["Effect"] == "Deny"]
        assert {each["Sid"] for each in denials} == set(DENIALS)
        who = member(_session(purpose))
        with_all = Policies(identity=(ANYTHING, document(denials)))
        assert not any(simulate([Case(request, who, with_all) for request in DENIALS.values()]))
        others = [
            Case(request, who, Policies(identity=(ANYTHING, document([d for d in denials if d["Sid"] != sid]))))
            for sid, request in DENIALS.items()
        ]
        assert all(simulate(others))
