# SPDX-License-Identifier: Apache-2.0
"""SECURITY.md beside what it is compared with: the member roles, and a hub with operators and guards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from functions import names
from hub.deployment.model import Guard
from tests.authorization.deployed import HUB, SETTINGS, Deployed, Q, hub_template, member_template
from tests.docs.pages import table
from tests.scenario import ACCOUNT

PAGE = "SECURITY.md"
PURPOSES = (names.CONTAIN, names.RELEASE, names.IDENTITY)
MEMBER = Deployed(member_template(), ACCOUNT)
GUARDED = replace(
    SETTINGS,
    operators=("arn:*:iam::111111111111:role/soc",),
    guard=Guard(
        targets=("r-abcd",),
        break_glass=("arn:*:iam::*:role/break-glass",),
        deployers=("arn:*:iam::111111111111:role/deployer",),
    ),
)
OUR_HUB = Deployed(hub_template(GUARDED), HUB)
HUB_ROLES = (names.INTAKE, names.RELEASE, names.WATCH, names.OPERATOR)
FUNCTIONS = HUB_ROLES[:3]

Statement = Mapping[str, Any]


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def rows(first: str) -> dict[str, list[str]]:
    """Return the rows of a table of the page: first cell → the others."""
    return {key: rest.split(" | ") for key, rest in table(PAGE, first).items()}


def statements(deployed: Deployed, role: str, effect: str = "Allow") -> Iterator[Statement]:
    for policy in deployed.policies(role):
        for statement in cast("list[Statement]", policy["Statement"]):
            if statement["Effect"] == effect:
                yield statement


def member_statements(purpose: str) -> Iterator[Statement]:
    return statements(MEMBER, names.member_role(Q, purpose))


def hub_statements(function: str, effect: str = "Allow") -> Iterator[Statement]:
    return statements(OUR_HUB, names.hub_role(Q, function), effect)


def boundary() -> list[Statement]:
    (found,) = {json.dumps(MEMBER.boundary(names.member_role(Q, purpose))) for purpose in PURPOSES}
    return list(json.loads(found)["Statement"])


def keys(statement: Statement) -> set[str]:
    return {key for each in statement.get("Condition", {}).values() for key in each}


def of_iam(actions: Any) -> set[str]:
    return {action for action in listed(actions) if action.startswith("iam:")}
