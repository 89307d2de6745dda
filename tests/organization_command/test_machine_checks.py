# SPDX-License-Identifier: Apache-2.0
"""What deploying needs on the machine, and which parts the settings ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.deployment.model import Detection, Guard
from hub.organization.cdk import Tools
from hub.organization.check import Answer
from hub.organization.checks import machine
from hub.organization.parts import DeploymentPart, parts_of
from tests.deployment.made import settings
from tests.organization_command.test_checks import PROBLEM, ROOT, said


def test_no_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("hub.organization.cdk.sys.executable", str(tmp_path / "python"))
    assert machine.node(Tools(tmp_path)) == [
        Answer("node", PROBLEM, "there is no Node.js beside this Python, nor on the PATH", "make setup-deploy")
    ]


def test_no_cdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = Tools(tmp_path)
    assert machine.cdk(tools) == [Answer("cdk", PROBLEM, f"the CDK CLI is not at {tools.cdk}", "make setup-deploy")]
    tools.cdk.parent.mkdir(parents=True)
    tools.cdk.touch()
    monkeypatch.setattr(machine, "find_spec", lambda _: None)
    assert said(machine.cdk(tools)) == [(PROBLEM, "the Python package aws-cdk-lib is not installed")]


def test_parts_follow_the_settings() -> None:
    everything: dict[str, Any] = {"guard": Guard(targets=(ROOT,)), "detection": Detection(guardduty=True)}
    assert parts_of(settings(**everything)) == tuple(DeploymentPart)
    assert parts_of(settings(regions=("eu-west-1",))) == (DeploymentPart.HUB, DeploymentPart.MEMBERS)
