# SPDX-License-Identifier: Apache-2.0
"""The workflow runs what the project says that it is tested on, with no more rights than reading takes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.docs.pages import ROOT, text


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    # YAML 1.1 reads the key "on" as True; no test here looks at it.
    found: dict[str, Any] = yaml.safe_load(text(".github/workflows/ci.yml"))
    return found


def commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def settings_of(job: dict[str, Any], action: str) -> dict[str, Any]:
    (found,) = [step["with"] for step in job["steps"] if step.get("uses", "").startswith(f"{action}@")]
    return dict(found)


def test_the_jobs_run_the_projects_own_commands(workflow: dict[str, Any]) -> None:
    assert {name: commands(job) for name, job in workflow["jobs"].items()} == {
        "check": [".ci/run"],
        "tests": ["make test"],
    }
    assert (ROOT / ".ci" / "run").is_file()


def test_the_versions_are_those_that_are_claimed(workflow: dict[str, Any]) -> None:
    versions = workflow["jobs"]["tests"]["strategy"]["matrix"]["python"]
    function = text("hub/stacks/function.py")
    (claim,) = re.findall(r"tested on Python ([\d.]+) to ([\d.]+);", function)
    (runtime,) = re.findall(r"Runtime\.PYTHON_(\d+_\d+)", function)
    (oldest,) = re.findall(r'^requires-python = ">=([\d.]+)"$', text("pyproject.toml"), re.MULTILINE)
    assert (versions[0], versions[-1]) == claim
    assert [int(version.removeprefix("3.")) for version in versions] == list(range(11, 11 + len(versions)))
    assert runtime.replace("_", ".") in versions
    assert versions[0] == oldest == settings_of(workflow["jobs"]["check"], "actions/setup-python")["python-version"]


def test_the_jobs_may_read_alone_and_end(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert 0 < job["timeout-minutes"] <= 60
        assert settings_of(job, "actions/checkout") == {"persist-credentials": False}
        python = settings_of(job, "actions/setup-python")
        assert (python["cache"], python["cache-dependency-path"]) == ("pip", "requirements/*.txt")
        actions = [step["uses"] for step in job["steps"] if "uses" in step]
        assert [action for action in actions if not re.fullmatch(r"actions/[a-z-]+@v\d+", action)] == []
