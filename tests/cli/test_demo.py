# SPDX-License-Identifier: Apache-2.0
"""The demonstration: everything comes as it should, in time, and it would say so if it didn't."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from hub.cli.commands import demo as command
from hub.demo import scenarios
from hub.demo.checks import Check, check_scenario
from hub.demo.demonstration import ScenarioResult
from hub.demo.scenarios import SCENARIOS, DemoScenario, Handover, world
from tests.cli.conftest import Demonstration
from tests.cli.contract import problems
from tests.cli.running import CONFIG, cordon, document_of

AT_MOST_SECONDS = 30 if "PYTEST_XDIST_WORKER" in os.environ else 15
"""What is promised; beside other tests on a few cores, twice that."""


def test_everything_comes_as_it_should(demonstration: Demonstration) -> None:
    assert [check for check in demonstration.document["checks"] if not check["passed"]] == []
    assert demonstration.document["passed"]
    assert {check["scenario"] for check in demonstration.document["checks"]} == {
        *(scenario.name for scenario in SCENARIOS),
        "release",
    }


def test_the_demonstration_has_the_same_document_in_it(demonstration: Demonstration) -> None:
    assert problems(demonstration.document["simulation"]) == []


def test_it_is_quick(demonstration: Demonstration) -> None:
    assert demonstration.seconds < AT_MOST_SECONDS


def test_what_became_of_each_finding(demonstration: Demonstration) -> None:
    events = demonstration.document["simulation"]["events"]

    assert {(each["file"], each["outcome"]) for each in events} == {
        ("command-and-control.json", "acted"),
        ("command-and-control.json", "duplicate"),
        ("command-and-control-v2.json", "duplicate"),
        ("cryptomining.json", "awaiting-approval"),
        ("forged.json", "rejected"),
        ("tor-client.json", "merged"),
        ("bitcoin-dns.json", "merged"),
        ("sample.json", "observed"),
    }
    assert len([each for each in events if each["file"] == "command-and-control.json"]) == 1 + 8


def test_three_incidents_in_two_accounts(demonstration: Demonstration) -> None:
    incidents = demonstration.document["simulation"]["incidents"]

    assert {(each["account"], each["instance"], each["state"]) for each in incidents} == {
        ("444455556666", "i-0a1f2e3d4c5b60718", "released"),
        ("444455556666", "i-99999999", "observed"),
        ("555566667777", "i-0b2c3d4e5f6071829", "awaiting-approval"),
    }


def test_the_report_is_complete(demonstration: Demonstration) -> None:
    told = demonstration.report

    assert "\x1b" not in told
    assert all(len(line) <= 80 for line in told.splitlines())
    assert [told.index(f"\n{number}. ") for number in range(1, 7)] == sorted(
        told.index(f"\n{number}. ") for number in range(1, 7)
    )
    for words in ("before, released", "config/accounts/payments-prod.yaml:", "round trips", "snap-", "What next"):
        assert words in told


@pytest.mark.parametrize("passed", [True, False])
def test_the_exit_code_tells_whether_it_held(
    demonstration: Demonstration, monkeypatch: pytest.MonkeyPatch, passed: bool
) -> None:
    checks = [Check("contain", "everything", passed=passed)]
    monkeypatch.setattr(command, "run_demo", lambda *_: replace(demonstration.shown, checks=checks))

    assert cordon("demo", "--config", CONFIG).exit_code == (0 if passed else 1)


@pytest.fixture
def forgery_told_as_containment(monkeypatch: pytest.MonkeyPatch) -> DemoScenario:
    """Replace the demonstration by a scenario that expects what does not come."""
    scenario = DemoScenario(
        "contain", "A forged finding", "It is expected to act.", scenarios.API, (Handover("forged.json"),)
    )
    monkeypatch.setattr(scenarios, "SCENARIOS", (scenario,))
    return scenario


@pytest.mark.usefixtures("forgery_told_as_containment")
def test_what_does_not_come_is_told_and_fails() -> None:
    told = cordon("demo", "--config", CONFIG)
    document = document_of(cordon("demo", "--config", CONFIG, "--json"))

    assert (told.exit_code, told.stderr) == (1, "")
    assert "contain: every delivery ended as acted (found: rejected)" in told.stdout
    assert "release: the incident is released (found: no incident)" in " ".join(told.stdout.split())
    assert not document["passed"]


def test_a_world_that_was_touched_is_noticed() -> None:
    before: dict[str, Any] = {"instances": [], "security_groups": [], "snapshots": []}
    after = {**before, "snapshots": [{"account": scenarios.API.account, "volume": "vol-1", "tags": {}}]}
    result = ScenarioResult(SCENARIOS[2], (), (), before, after)

    assert [check.what for check in check_scenario(result) if not check.passed] == [
        "nothing in any account was changed"
    ]


def test_every_host_of_a_scene_is_in_the_world() -> None:
    hosts = {(each.account, each.region, each.id) for each in world().instances}

    assert {(scenario.host.account, scenario.host.region, scenario.host.instance) for scenario in SCENARIOS} <= hosts


def test_without_a_policy_in_the_folder_the_shipped_one_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))

    assert command._shipped_config() == CONFIG
