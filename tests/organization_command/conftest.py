# SPDX-License-Identifier: Apache-2.0
"""A deployment's settings, credentials that answer as told, a CDK that writes down what it was asked."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3.session
import pytest

import hub.organization.cdk as cdk_module
from hub.organization.caller import Caller
from hub.organization.cdk import Tools
from hub.organization.check import Ground
from hub.stacks.app import build, new_app
from tests.cli.running import CONFIG
from tests.deployment.made import settings
from tests.organization_command.answering import HUB, Answering

_FAKE_CDK = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parents[2]
asked = {{
    "arguments": sys.argv[1:],
    "config": os.environ["CORDON_CONFIG"],
    "folder": os.getcwd(),
    "first": os.environ["PATH"].split(os.pathsep)[0],
    "telemetry": os.environ["CDK_DISABLE_CLI_TELEMETRY"],
}}
with open(here / "asked.jsonl", "a") as log:
    log.write(json.dumps(asked) + "\\n")
print("what the CDK prints", flush=True)
failing = here / "failing"
sys.exit(3 if failing.exists() and failing.read_text() in sys.argv else 0)
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of the configuration that ships."""
    return Path(shutil.copytree(CONFIG, tmp_path / "config"))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    """Credentials in the environment, of a cloud that answers as told."""
    session = Answering()
    monkeypatch.setattr(boto3.session, "Session", lambda **_: session)
    yield session
    session.over()


@pytest.fixture
def standing_on() -> Callable[..., tuple[Ground, Answering]]:
    """Give what a check stands on, with the settings changed as told, and the cloud that answers it."""

    def make(account: str = HUB, partition: str = "aws", **changes: Any) -> tuple[Ground, Answering]:
        session: Any = Answering()
        caller = Caller(session, account, f"arn:{partition}:sts::{account}:assumed-role/operator/someone", partition)
        return Ground(settings(**changes), caller), session

    return make


@dataclass(frozen=True, slots=True)
class FakeCdk:
    """A project's folder with a CDK CLI that records; ``fail_at`` makes it end with 3 when it gets that stack."""

    root: Path

    @property
    def asked(self) -> list[dict[str, Any]]:
        log = self.root / "asked.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def fail_at(self, stack: str) -> None:
        (self.root / "failing").write_text(stack)


@pytest.fixture
def fake_cdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCdk:
    """Put a CDK in place that writes down what it was asked."""
    root = tmp_path / "project"
    tools = Tools(root)
    tools.cdk.parent.mkdir(parents=True)
    tools.cdk.write_text(_FAKE_CDK.format(python=sys.executable))
    tools.cdk.chmod(0o755)
    monkeypatch.setattr(cdk_module, "project", lambda: tools)
    return FakeCdk(root)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The templates by their stack's name, of the settings that tests are made with."""
    code = tmp_path_factory.mktemp("code")
    app = new_app(tmp_path_factory.mktemp("out"))
    build(app, settings(), code)
    return {stack.stack_name: stack.template for stack in app.synth().stacks}
