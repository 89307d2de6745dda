# SPDX-License-Identifier: Apache-2.0
"""The page of permissions is what the records say, and has a row for each."""

from __future__ import annotations

import re
from dataclasses import replace

from functions.steps.registry import contain_grants, identity_grants, release_grants
from member_stacks.permission_table import render
from tests.docs.pages import ROOT, words
from tests.member_stacks.made import PROPS, resources, same_as_golden, template


def test_the_page_is_made_from_the_records() -> None:
    same_as_golden(ROOT / "docs/reference/permissions.md", render())


def test_it_names_everything_that_the_stack_makes() -> None:
    whole = template(replace(PROPS, identity=True))
    told = {word for line in render().splitlines() if line.startswith("| `cordon-") for word in words(line)}
    made = {name for kind in ("Group", "ManagedPolicy", "Role") for name in resources(f"IAM.{kind}", whole)}
    assert told >= {re.sub(r"-[0-9]+$", "", name) for name in made}  # how many a role has depends on the Regions


def test_it_has_a_row_for_every_grant() -> None:
    granted = [*contain_grants(), *release_grants(), *identity_grants()]
    services = tuple({f"| `{needed.grant.service}:" for needed in granted})
    rows = [line for line in render().splitlines() if line.startswith(services)]
    assert len(rows) == len(granted)
