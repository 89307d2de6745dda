# SPDX-License-Identifier: Apache-2.0
"""Condition keys of every policy: each is one that the action has, on that kind of resource. IAM takes any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from functions.grants import Grant
from functions.steps.registry import contain_grants, identity_grants, release_grants
from hub.stacks.service_control.evidence_lock import evidence_lock
from hub.stacks.service_control.hub_guard import hub_guard
from tests.authorization import reference
from tests.authorization.deployed import HUB, Deployed, Q, hub_template, member_template
from tests.authorization.protected import SETTINGS
from tests.authorization.sessions import MEMBERS
from tests.authorization.simulator import Policy
from tests.scenario import ACCOUNT

OPERATORS = {
    "ArnEquals",
    "ArnLike",
    "ArnNotLike",
    "Null",
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
}
GLOBAL = {"aws:PrincipalArn", "aws:PrincipalOrgID", "aws:RequestedRegion", "aws:ResourceOrgID"}
"""Keys that every action has."""
OF_LAMBDA = {"lambda:SourceFunctionArn"}
"""Keys that whatever a function calls has."""


def _policies() -> dict[str, Policy]:
    member, hub = Deployed(member_template(), ACCOUNT), Deployed(hub_template(), HUB)
    found: dict[str, Policy] = {"evidence lock": evidence_lock(SETTINGS), "hub guard": hub_guard(SETTINGS)}
    for purpose in MEMBERS:
        for number, policy in enumerate(member.policies(f"{Q}-{purpose}"), start=1):
            found[f"member {purpose} {number}"] = policy
        found[f"trust of {purpose}"] = member.trust(f"{Q}-{purpose}")
        boundary = member.boundary(f"{Q}-{purpose}")
        assert boundary is not None
        found["boundary"] = boundary
    for function in ("intake", "release"):
        (found[f"hub {function}"],) = hub.policies(f"{Q}-hub-{function}")
    return found


def _conditions(statement: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for operator, keys in statement.get("Condition", {}).items():
        for key in keys:
            yield operator, key


def test_every_operator_is_one_of_iams() -> None:
    for name, policy in _policies().items():
        for statement in policy["Statement"]:
            for operator, _ in _conditions(statement):
                plain = operator.removesuffix("IfExists").removeprefix("ForAnyValue:").removeprefix("ForAllValues:")
                assert plain in OPERATORS, name


@pytest.mark.parametrize(
    "grant",
    {
        needed.grant.action + needed.grant.resource + str(needed.grant.conditions): needed.grant
        for needed in (*contain_grants(), *release_grants(), *identity_grants())
    }.values(),
    ids=lambda grant: f"{grant.action}-{grant.resource}",
)
def test_a_grants_keys_are_those_of_action_and_resource(grant: Grant) -> None:
    known = reference.condition_keys(grant.action, None if grant.resource == "*" else grant.kind)
    for keys in grant.conditions.values():
        for key in keys:
            assert key.partition("/")[0] + "/" in known or key in known, key


def test_the_other_policies_keys_are_those_of_every_action_that_they_name() -> None:
    """A statement that names an action without the key would say nothing about it, and not tell."""
    for name, policy in _policies().items():
        for statement in () if name.startswith("member ") else policy["Statement"]:
            named = statement.get("Action", [])
            for action in [named] if isinstance(named, str) else named:
                for _, key in _conditions(statement):
                    if key in GLOBAL | OF_LAMBDA:
                        continue
                    assert _known(action, key), f"{name}: {action} has no {key}"


def _known(pattern: str, key: str) -> bool:
    """Tell whether one of the actions that fit a pattern has a key on one of its resources at least."""
    matching = reference.matching(pattern)
    assert matching, f"no action fits {pattern}"
    return any(
        key in keys or f"{key.partition('/')[0]}/" in keys
        for name in matching
        for keys in [
            reference.condition_keys(name, None),
            *(reference.condition_keys(name, kind) for kind in reference.resource_types(name)),
        ]
    )
