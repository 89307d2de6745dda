# SPDX-License-Identifier: Apache-2.0
"""What goes wrong in one step, in whatever way, stays that step's own; and the host is isolated all the same."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from functions.containment import contain, observation
from functions.incident.model import StepOutcome
from functions.steps import registry
from functions.steps.evidence import protect
from functions.steps.registry import STEPS
from functions.steps.step import AnyStep
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.scenario import instance


def boom(*_: Any) -> Any:
    return {}["Value"]


@pytest.mark.parametrize("part", ["observe", "baseline", "plan", "apply", "verify"])
def test_a_step_that_breaks_stops_no_other(
    new_scenario: NewScenario, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    broken: Any = dataclasses.replace(protect.STEP, **{part: boom})
    steps: tuple[AnyStep, ...] = tuple(broken if step.name == protect.NAME else step for step in STEPS)
    monkeypatch.setattr(registry, "STEPS", steps)
    scenario = new_scenario()
    (handed,) = scenario.hand_over(asff())
    assert handed.delivered.receives == 1
    states = {step.name: step.outcome for step in scenario.incident.steps}
    others = {name: outcome for name, outcome in states.items() if name != protect.NAME}
    assert set(others.values()) == {StepOutcome.DONE, StepOutcome.SKIPPED}
    assert all(others[name] is StepOutcome.DONE for name in ("isolate", "snapshot", "tags"))
    assert [len(eni["groups"]) for eni in scenario.host()["enis"]] == [1]
    if part != "plan":
        assert states[protect.NAME] is StepOutcome.FAILED
        assert scenario.incident.state == "partial"
        assert "KeyError" in scenario.incident.reason
    where = {str(fields["bug"]) for record in caplog.records if "bug" in (fields := getattr(record, "fields", {}))}
    assert {each.rpartition(":")[0].rpartition("/")[2] for each in where} == {"test_border.py"}


def test_a_section_that_no_item_holds_keeps_no_other_from_being_written(
    new_scenario: NewScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        registry,
        "STEPS",
        tuple(
            dataclasses.replace(step, baseline=lambda *_: {"all": "é" * 200_000}) if step is protect.STEP else step
            for step in STEPS
        ),
    )
    scenario = new_scenario(instance(volumes=2))
    scenario.deliver(asff())
    failed = {step.name: step.error for step in scenario.incident.steps if step.outcome is StepOutcome.FAILED}
    assert failed == {protect.NAME: "TooLarge"}
    assert set(scenario.incident.baseline) == {step.name for step in scenario.incident.steps} - {protect.NAME}


def test_the_engine_names_no_step() -> None:
    assert not {name for module in (contain, observation) for name in vars(module)} & {"isolate", "protect", "snapshot"}
