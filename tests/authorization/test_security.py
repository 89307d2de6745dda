# SPDX-License-Identifier: Apache-2.0
"""What SECURITY.md says of roles, boundary, policies and settings is what the code makes of them.

Each table and each sentence is compared with what is derived from the steps' records, the synthesised templates, the
service control policies and the files in ``config/``: a change of either side alone fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import cast

from functions import names
from functions.grants import Grant, reading
from functions.policy.model import Rule
from functions.steps.registry import STEPS
from functions.steps.step import Step
from hub.deployment.read import read_settings
from hub.policy.compile import compile_config
from hub.stacks.service_control import principals
from hub.stacks.service_control.evidence_lock import evidence_lock
from hub.stacks.service_control.hub_guard import hub_guard
from tests.authorization.deployed import Q
from tests.authorization.security_page import (
    GUARDED,
    HUB_ROLES,
    MEMBER,
    PURPOSES,
    Statement,
    boundary,
    hub_statements,
    keys,
    listed,
    member_statements,
    of_iam,
    rows,
)
from tests.docs.pages import ROOT, words
from tests.scenario import ACCOUNT

# The member roles


def test_the_member_roles_are_assumed_by_whom_the_page_says() -> None:
    trusted = {}
    for purpose in PURPOSES:
        trust = MEMBER.trust(names.member_role(Q, purpose))
        callers = {
            caller.rpartition("/")[2]
            for statement in cast("list[Statement]", trust["Statement"])
            for caller in listed(statement["Condition"]["StringEquals"]["aws:PrincipalArn"])
        }
        trusted[purpose] = callers
    told = {role: {names.hub_role(Q, each) for each in words(cells[0])} for role, cells in rows("member role").items()}
    assert told == trusted


def test_the_opt_in_role_is_the_only_one_that_is_not_always_there() -> None:
    from tests.member_stacks.made import template

    there = {
        each["Properties"]["RoleName"].removeprefix(f"{Q}-")
        for each in template()["Resources"].values()
        if each["Type"] == "AWS::IAM::Role"
    }
    told = {role: cells[1] for role, cells in rows("member role").items()}
    assert {role for role, when in told.items() if when == "always"} == there
    assert {when for role, when in told.items() if role not in there} == {"with `rollout.identity`"}


def test_every_change_of_iam_is_told_with_what_narrows_it() -> None:
    found: dict[str, tuple[set[str], set[str], set[str]]] = {}
    for purpose in PURPOSES:
        for statement in member_statements(purpose):
            for action in of_iam(statement["Action"]):
                if not reading(action):
                    roles, on, by = found.setdefault(action, (set(), set(), set()))
                    roles.add(purpose)
                    on.update(resource.partition(f"{ACCOUNT}:")[2] for resource in listed(statement["Resource"]))
                    by.update(keys(statement))
    told = {action: tuple(map(words, cells)) for action, cells in rows("change of IAM").items()}
    assert told == found


def test_the_boundary_allows_of_iam_what_the_roles_have_and_no_more() -> None:
    """The page says that the table lists every change that the boundary allows."""
    allowed = {
        action for statement in boundary() if statement["Effect"] == "Allow" for action in of_iam(statement["Action"])
    }
    held = {
        action
        for purpose in PURPOSES
        for statement in member_statements(purpose)
        for action in of_iam(statement["Action"])
    }
    assert allowed == held
    assert {action for action in allowed if not reading(action)} == set(rows("change of IAM"))


def test_without_the_opt_in_role_the_boundary_allows_none_of_its_changes() -> None:
    from tests.member_stacks.made import policy

    allowed = {
        action
        for statement in policy(f"{Q}-boundary")["Statement"]
        if statement["Effect"] == "Allow"
        for action in of_iam(statement["Action"])
    }
    told = {action for action, cells in rows("change of IAM").items() if words(cells[0]) != {names.IDENTITY}}
    assert {action for action in allowed if not reading(action)} == told


def test_what_the_boundary_denies_is_told() -> None:
    denied = {
        statement["Sid"]: set(listed(statement.get("Action", statement.get("NotAction")))) | keys(statement)
        for statement in boundary()
        if statement["Effect"] == "Deny"
    }
    assert {sid: words(cells[0]) for sid, cells in rows("denial of the boundary").items()} == denied


# The steps that cut an identity, and what ships


@cache
def shipped_rules() -> tuple[Rule, ...]:
    """Return every rule of every place of the policy that ships."""
    bundle = compile_config(ROOT / "config").bundle
    places = [("", "/"), *(("", ou) for ou in bundle.ous), *((account, "/") for account in bundle.accounts)]
    return tuple(rule for account, ou in places for rule in bundle.policy_for(account, ou).rules)


def changes_of_iam(grants: tuple[Grant, ...]) -> bool:
    return any(grant.service == "iam" and not reading(grant.action) for grant in grants)


def role_of(step: Step) -> str | None:
    """Return the role by which a step cuts an identity, or None where it doesn't."""
    if changes_of_iam(step.grants):
        return names.CONTAIN
    return names.IDENTITY if changes_of_iam(step.identity_grants) else None


def shipped(step: Step) -> str:
    (state,) = {step.options(rule.steps) is not None for rule in shipped_rules()}
    return "on" if state else "off"


def test_the_steps_that_cut_an_identity_are_told() -> None:
    found = {step.name: (role, shipped(step)) for step in STEPS if (role := role_of(step)) is not None}
    told = {step: (cells[1].strip("`"), cells[2]) for step, cells in rows("step on identities").items()}
    assert told == found


def test_what_ships_is_told() -> None:
    settings = read_settings(ROOT / "config")
    organization = compile_config(ROOT / "config").bundle.policy_for("", "/")
    found = {
        "rollout.identity": settings.rollout.identity,
        "guard.targets": settings.guard.targets,
        "operators": settings.operators,
        "evidence.lock_mode": settings.evidence.lock_mode,
        "evidence.lock_days": settings.evidence.lock_days,
        "containments_per_hour": settings.containments_per_hour,
        "mode": max((rule.mode for rule in organization.rules), key=lambda mode: mode.rank),
        "role_denial.role": {rule.steps["role_denial"].get("role", "deny") for rule in shipped_rules()},
        "limits.containments_per_account_hour": organization.limits.per_account_hour,
    }
    assert {key: cells[0].strip("`") for key, cells in rows("setting").items()} == {
        key: shown(value) for key, value in found.items()
    }


def shown(value: object) -> str:
    if value is False:
        return "false"
    if isinstance(value, set | tuple):
        return ", ".join(map(str, value)) or "[]"
    return str(value)


# The hub


def test_what_the_hubs_roles_may_do_is_told() -> None:
    found = {
        role: tuple(
            {action for statement in hub_statements(role, effect) for action in listed(statement["Action"])}
            for effect in ("Allow", "Deny")
        )
        for role in HUB_ROLES
    }
    assert {role: tuple(map(words, cells)) for role, cells in rows("hub role").items()} == found


LET_PAST: Mapping[str, str] = {
    **{principals.member_role(GUARDED, purpose): purpose for purpose in PURPOSES},
    principals.STACK_SETS: "stacksets-exec",
    principals.cdk(GUARDED): "cdk",
    principals.hub_roles(GUARDED): "hub",
    GUARDED.guard.break_glass[0]: "guard.break_glass",
    GUARDED.guard.deployers[0]: "guard.deployers",
}
"""Pattern of principals → the word for them on the page."""


def test_whom_the_service_control_policies_exempt_is_told() -> None:
    found = {}
    for policy, made in (("evidence lock", evidence_lock(GUARDED)), ("hub guard", hub_guard(GUARDED))):
        for statement in cast("list[Statement]", made["Statement"]):
            past = statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
            found[statement["Sid"]] = (policy, {LET_PAST[pattern] for pattern in past})
    told = {sid: (cells[0], words(cells[2])) for sid, cells in rows("denial of the guard").items()}
    assert told == found
