# SPDX-License-Identifier: Apache-2.0
"""The service control policies: each of the people against each protected action, as the docs' tables have it.

``UPDATE_GOLDEN=1`` writes the tables and the golden policies anew; read the difference before committing.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from hub.authorization.requests import AuthorizationRequest
from hub.deployment.model import Guard
from hub.stacks.guard import GuardStack
from hub.stacks.service_control.evidence_lock import evidence_lock
from hub.stacks.service_control.hub_guard import hub_guard
from hub.stacks.service_control.statement import SIZE_LIMIT, PolicyTooLongError
from member_stacks.kept import KEPT
from tests.authorization import reference
from tests.authorization.golden import same_as_golden
from tests.authorization.protected import (
    EVIDENCE,
    HUB,
    HUB_ASSUMED,
    HUB_ORDINARY,
    HUB_PEOPLE,
    HUB_THINGS,
    HUB_TRIGGERS,
    HUB_USES,
    INCIDENT,
    MEMBER,
    ORDINARY,
    PEOPLE,
    ROLES,
    SETTINGS,
    TAGS,
    Attempt,
    principal,
)
from tests.authorization.simulator import Case, Policies, Principal, simulate
from tests.deployment.made import settings

PAGE = Path(__file__).parents[2] / "docs/reference/service-control.md"
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
LOCK, GUARD = evidence_lock(SETTINGS), hub_guard(SETTINGS)
IN_MEMBERS = Policies(identity=(ANYTHING,), guards=((ANYTHING, LOCK),))
IN_HUB = Policies(identity=(ANYTHING,), guards=((ANYTHING, LOCK), (ANYTHING, GUARD)))
CORDON = {"contain", "release", "break-glass"}
PEOPLE_WHO_DEPLOY = {"break-glass", "deployer"}
DEPLOYMENT = PEOPLE_WHO_DEPLOY | {"CDK", "CloudFormation", "publishing"}

Table = dict[str, dict[str, bool]]


def tried(
    attempts: Mapping[str, Attempt], people: Mapping[str, str], policies: Policies, account: str, *, locked: bool = True
) -> Table:
    """Return what each may do: an attempt succeeds when everything that IAM is asked for it is allowed."""
    asked = [
        (what, who, Case(request, principal(role, account), policies))
        for what, attempt in attempts.items()
        for who, role in people.items()
        for request in attempt.requests(locked=locked)
    ]
    table: Table = {what: dict.fromkeys(people, True) for what in attempts}
    for (what, who, _), allowed in zip(asked, simulate([case for _, _, case in asked]), strict=True):
        table[what][who] &= allowed
    return table


def everywhere(attempts: Iterable[str], people: set[str]) -> dict[str, set[str]]:
    return {what: set(people) for what in attempts}


def who_may(table: Table) -> dict[str, set[str]]:
    return {what: {who for who, may in row.items() if may} for what, row in table.items()}


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    return {
        "evidence": tried(EVIDENCE, PEOPLE, IN_MEMBERS, MEMBER),
        "tags": tried(TAGS, PEOPLE, IN_MEMBERS, MEMBER),
        "roles": tried(ROLES, PEOPLE, IN_MEMBERS, MEMBER),
        "ordinary": tried(ORDINARY, PEOPLE, IN_MEMBERS, MEMBER),
        "hub": tried({**HUB_THINGS, **HUB_TRIGGERS}, HUB_PEOPLE, IN_HUB, HUB),
        "hub-uses": tried(HUB_USES, HUB_PEOPLE, IN_HUB, HUB),
        "hub-assumed": tried(HUB_ASSUMED, HUB_PEOPLE, IN_HUB, HUB),
        "hub-ordinary": tried(HUB_ORDINARY, HUB_PEOPLE, IN_HUB, HUB),
    }


def test_evidence_and_its_tags_are_cordons_and_break_glasses_alone(tables: dict[str, Table]) -> None:
    for name in ("evidence", "tags"):
        assert who_may(tables[name]) == everywhere(tables[name], CORDON)


def test_roles_are_for_those_who_roll_out_and_break_glass_alone(tables: dict[str, Table]) -> None:
    expected = everywhere(ROLES, {"StackSets", *PEOPLE_WHO_DEPLOY})
    expected["leave the restricted group"] = {"StackSets", "release", *PEOPLE_WHO_DEPLOY}
    assert who_may(tables["roles"]) == expected


def test_ordinary_life_goes_on(tables: dict[str, Table]) -> None:
    assert who_may(tables["ordinary"]) == everywhere(ORDINARY, set(PEOPLE))
    assert who_may(tables["hub-ordinary"]) == everywhere(HUB_ORDINARY, set(HUB_PEOPLE))
    without_incident = {name: attempt for name, attempt in EVIDENCE.items() if attempt.operation}
    untouched = tried(without_incident, PEOPLE, IN_MEMBERS, MEMBER, locked=False)
    assert who_may(untouched) == everywhere(without_incident, set(PEOPLE))


def test_the_hub_is_changed_by_deployments_and_break_glass(tables: dict[str, Table]) -> None:
    assert who_may(tables["hub"]) == {
        **everywhere(HUB_THINGS, {"StackSets", *DEPLOYMENT}),
        **everywhere(HUB_TRIGGERS, DEPLOYMENT),
    }
    assert who_may(tables["hub-uses"]) == everywhere(HUB_USES, {"functions", "operator", *DEPLOYMENT})


def test_the_cdks_roles_are_for_people_who_deploy(tables: dict[str, Table]) -> None:
    assert who_may(tables["hub-assumed"]) == everywhere(HUB_ASSUMED, PEOPLE_WHO_DEPLOY)


def test_the_hub_guard_holds_without_the_evidence_lock() -> None:
    """The hub need not be a target of the lock."""
    alone = Policies(identity=(ANYTHING,), guards=((ANYTHING, GUARD),))
    found = who_may(tried(HUB_THINGS, HUB_PEOPLE, alone, HUB))
    assert found == everywhere(HUB_THINGS, {"StackSets", *DEPLOYMENT})


@pytest.mark.parametrize(
    "pattern",
    [
        "arn:*:iam::*:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Glass_*",
        "arn:*:iam::*:role/glass",
        "arn:*:iam::*:user/glass",
        f"arn:*:iam::{HUB}:role/people/*",
    ],
)
@pytest.mark.parametrize("setting", ["break_glass", "deployers", "operators"])
def test_what_the_settings_exempt_nobody_can_make(pattern: str, setting: str) -> None:
    let_past = replace(SETTINGS.guard, break_glass=("arn:*:iam::*:role/other",))
    changed = (
        replace(SETTINGS, operators=(pattern,), guard=let_past)
        if setting == "operators"
        else replace(SETTINGS, guard=replace(let_past, **{setting: (pattern,)}))
    )
    policies = [hub_guard(changed), *([evidence_lock(changed)] if setting != "operators" else [])]
    resource = pattern.replace("arn:*", "arn:aws").replace("::*", f"::{HUB}").replace("*", "x")
    user = ":user/" in pattern
    asked = [
        AuthorizationRequest(f"iam:{action}", resource, {})
        for action in (
            ("CreateUser", "CreateAccessKey", "CreateLoginProfile", "UpdateLoginProfile", "PutUserPolicy")
            if user
            else ("CreateRole", "UpdateAssumeRolePolicy", "PutRolePolicy", "AttachRolePolicy")
        )
    ]
    for policy in policies:
        under = Policies(identity=(ANYTHING,), guards=((ANYTHING, policy),))
        cases = [Case(request, principal(PEOPLE["administrator"], HUB), under) for request in asked]
        assert simulate(cases) == [False] * len(asked)


def test_the_page_has_these_tables(tables: dict[str, Table]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    written = text
    for name, table in tables.items():
        marked = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
        assert marked.search(written), f"{PAGE.name} has no place for the table {name}"
        written = marked.sub(lambda found, table=table: found[1] + _markdown(table) + found[2], written)
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(written, encoding="utf-8")
        text = written
    assert text == written


def _markdown(table: Table) -> str:
    people = list(next(iter(table.values())))
    lines = [f"| | {' | '.join(people)} |", "|---" * (len(people) + 1) + "|"]
    lines += [
        f"| {what} | {' | '.join('yes' if may else '·' for may in row.values())} |" for what, row in table.items()
    ]
    return "\n".join(lines) + "\n"


KINDS = ("instance", "network-interface", "security-group", "snapshot", "volume")


def _lockable() -> list[tuple[str, str]]:
    """Return every EC2 action that changes one of these kinds and sees its tags."""
    return [
        (f"ec2:{each['name']}", kind)
        for each in reference.actions("ec2").values()
        if not re.match(r"Describe|Get|List|Search|Export", each["name"]) and "Tags" not in each["name"]
        for kind in KINDS
        if "aws:ResourceTag/" in reference.condition_keys(f"ec2:{each['name']}", kind)
        and kind in reference.resource_types(f"ec2:{each['name']}")
    ]


def _matches(action: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def test_every_locked_action_sees_tags_and_is_denied_on_every_kind() -> None:
    locked = [(action, kind) for action, kind in _lockable() if _matches(action, KEPT)]
    for pattern in KEPT:
        assert any(_matches(action, (pattern,)) for action, _ in locked), f"{pattern} never sees a tag"
    administrator = principal(PEOPLE["administrator"])
    tagged = [_on(action, kind, administrator, INCIDENT) for action, kind in locked]
    untagged = [_on(action, kind, administrator, {}) for action, kind in locked]
    results = simulate([*tagged, *untagged])
    assert results == [False] * len(tagged) + [True] * len(untagged)


def test_what_is_left_unlocked_is_known() -> None:
    left = sorted({f"{action} on {kind}" for action, kind in _lockable() if not _matches(action, KEPT)})
    same_as_golden("unlocked.txt", "\n".join(left) + "\n")


def _on(action: str, kind: str, who: Principal, tags: Mapping[str, str]) -> Case:
    account = "" if kind == "snapshot" else MEMBER
    context = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
    return Case(
        AuthorizationRequest(action, f"arn:aws:ec2:eu-west-1:{account}:{kind}/x-host", context), who, IN_MEMBERS
    )


@pytest.mark.parametrize("partition", ["aws-us-gov", "aws-cn"])
def test_other_partitions(partition: str) -> None:
    request = AuthorizationRequest(
        "ec2:StopInstances",
        f"arn:{partition}:ec2:x-1:{MEMBER}:instance/i-host",
        {f"aws:ResourceTag/{key}": value for key, value in INCIDENT.items()},
    )
    people = {role: f"arn:{partition}:iam::{MEMBER}:role/{path}" for role, path in PEOPLE.items() if path != "root"}
    cases = [
        Case(
            request,
            Principal(f"arn:{partition}:sts::{MEMBER}:assumed-role/x/x", {"aws:PrincipalArn": arn}),
            IN_MEMBERS,
        )
        for arn in people.values()
    ]
    assert {who for who, may in zip(people, simulate(cases), strict=True) if may} == CORDON


def _synthesised(**changes: Any) -> dict[str, Any]:
    made = settings(**changes)
    app = cdk.App()
    GuardStack(app, "Guard", settings=made)
    template: dict[str, Any] = app.synth().get_stack_by_name(f"{made.qualifier}-guard").template
    return template


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return _synthesised(guard=SETTINGS.guard)


def test_the_template_passes_cfn_lint(template: dict[str, Any]) -> None:
    from cfnlint import api

    matches = api.lint(json.dumps(template), regions=["eu-west-1", "us-gov-west-1", "cn-north-1"])
    assert [str(match) for match in matches] == []


def test_the_longest_qualifier_leaves_room_for_people() -> None:
    longest = settings(
        qualifier="q" * 20,
        operators=("arn:*:iam::111111111111:role/operators/soc",),
        guard=Guard(
            targets=("r-abcd",),
            break_glass=(
                "arn:*:iam::*:role/break-glass",
                "arn:*:iam::*:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_BreakGlass_*",
            ),
            deployers=("arn:*:iam::111111111111:role/pipelines/cordon",),
        ),
    )
    for policy in (evidence_lock(longest), hub_guard(longest)):
        assert len(json.dumps(policy, separators=(",", ":"))) < SIZE_LIMIT


def test_too_many_patterns_are_refused() -> None:
    many = settings(guard=Guard(break_glass=tuple(f"arn:*:iam::*:role/break-glass-{number}" for number in range(9))))
    for policy in (evidence_lock, hub_guard):
        with pytest.raises(PolicyTooLongError, match=r"guard\.break_glass, guard\.deployers"):
            policy(many)


def test_without_targets_nothing_is_attached() -> None:
    template = _synthesised(guard=Guard())
    assert [each["Properties"].get("TargetIds") for each in template["Resources"].values()] == [None, None]
