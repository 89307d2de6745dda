# SPDX-License-Identifier: Apache-2.0
"""cdk-nag's AwsSolutions rules: whatever they find is acknowledged where it stands, with a sentence."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import Validations
from cdk_nag import AwsSolutionsChecks

from member_stacks.drill import DrillStack
from member_stacks.template import MemberStack
from tests.member_stacks.made import PROPS


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory: Path = tmp_path_factory.mktemp("nag")
    app = cdk.App(outdir=str(directory), analytics_reporting=False)
    MemberStack(app, "member", props=replace(PROPS, identity=True))
    DrillStack(app, "drill", qualifier="cordon")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()  # which fails if anything is not acknowledged
    whole = json.loads((directory / "validation-report.json").read_text(encoding="utf-8"))
    (ours,) = [each for each in whole["pluginReports"] if each["pluginName"] == "AwsSolutions"]
    found: dict[str, Any] = ours
    return found


def test_nothing_is_found_that_is_not_acknowledged(report: dict[str, Any]) -> None:
    assert report["conclusion"] == "success"
    assert report["violations"] == []


def test_every_acknowledgement_says_why(report: dict[str, Any]) -> None:
    acknowledged = report["suppressedViolations"]
    assert {
        where["constructPath"].partition("/")[0] for each in acknowledged for where in each["violatingConstructs"]
    } == {
        "drill",
        "member",
    }
    for each in acknowledged:
        assert re.fullmatch(r"[A-Z]?.{20,}[.]", each["reason"]), each["ruleName"]
        # What is acknowledged is one finding, never a rule as a whole.
        assert "[" in each["ruleName"] or each["acknowledgedAt"].startswith("drill/")
