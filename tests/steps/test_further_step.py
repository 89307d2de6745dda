# SPDX-License-Identifier: Apache-2.0
"""A step that only this test has: the engine, the roles and the pages take all they need from its record."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TypedDict

import pytest

from functions.grants import Grant
from functions.incident.evidence import Evidence
from functions.incident.model import PlannedCall, RestoredItem, State, StepOutcome, StepResult
from functions.steps import registry
from functions.steps.host import Host
from functions.steps.network.interface_groups import NAME as ISOLATE
from functions.steps.risk import Aftermath, Risk
from functions.steps.step import Member, Step, Task, conclude, restore, try_call
from hub.reference import calls, steps
from hub.reference.steps import Switch
from member_stacks.permission_table import render
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.scenario import INSTANCE, Scenario

NAME = "mark"
GRANTS = (Grant("ec2:MonitorInstances", "instance", "Only this test has this grant."),)
LEFT = Risk("mark-left", "the mark is on the host, and a person has to look at it")


class Section(TypedDict):
    """Whether the host was marked before."""

    marked: bool


class Receipt(TypedDict, total=False):
    """What was marked."""

    marked: list[str]


MarkTask = Task[bool, Section, Receipt]


def _marked(member: Member) -> bool:
    tags = member.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [member.target.instance]}])["Tags"]
    return any(tag["Key"] == NAME for tag in tags)


def _plan(task: MarkTask) -> tuple[PlannedCall, ...]:
    return (PlannedCall(NAME, "CreateTags", {"Resources": [task.host.id], "Tags": [{"Key": NAME, "Value": "yes"}]}),)


def _apply(task: MarkTask, _prepared: None) -> StepResult[Receipt]:
    mark = [{"Key": NAME, "Value": "yes"}]
    item = try_call(NAME, lambda: task.member.ec2.create_tags(Resources=[task.host.id], Tags=mark))
    receipt: Receipt = {"marked": [task.host.id]}
    return conclude(NAME, [item], receipt)


def _verify(task: MarkTask, result: StepResult[Receipt]) -> StepResult[Receipt]:
    return dataclasses.replace(result, reason="read back") if _marked(task.member) else result


def _revert(task: MarkTask, result: StepResult[Receipt], _now: Host) -> tuple[RestoredItem, ...]:
    delete = task.member.ec2.delete_tags
    return tuple(
        restore(NAME, f"mark of {each}", lambda each=each: delete(Resources=[each], Tags=[{"Key": NAME}]))  # type: ignore[misc]
        for each in result.receipt.get("marked", [])
    )


def _leaves(aftermath: Aftermath[Receipt]) -> Iterator[Risk]:
    if aftermath.result is not None and aftermath.result.receipt.get("marked", []):
        yield LEFT


def _evidence(result: StepResult[Receipt]) -> Evidence:
    return Evidence(missing=tuple({"what": NAME, "reason": each} for each in result.receipt.get("marked", [])))


STEP: Step[bool, Section, None, Receipt] = Step(
    name=NAME,
    grants=GRANTS,
    release_grants=GRANTS,
    services=("ec2", "cloudtrail"),
    within=ISOLATE,
    on=lambda _options: True,
    observe=_marked,
    baseline=lambda _host, observation: {"marked": observation.result()},
    plan=_plan,
    apply=_apply,
    verify=_verify,
    revert=_revert,
    risks=(LEFT,),
    leaves=_leaves,
    evidence=_evidence,
)


@pytest.fixture
def scenario(new_scenario: NewScenario, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    monkeypatch.setattr(registry, "STEPS", (*registry.STEPS, STEP))
    return new_scenario()


def test_it_is_planned_run_verified_and_released(scenario: Scenario) -> None:
    (result,) = scenario.deliver(asff())
    incident = scenario.incident
    assert result.outcome == "acted"
    assert NAME in {call.step for call in incident.plan}
    assert [(each.outcome, each.reason) for each in incident.steps if each.name == NAME] == [
        (StepOutcome.DONE, "read back")
    ]
    assert incident.baseline[NAME] == {"marked": False}
    assert incident.state is State.CONTAINED
    assert incident.residual_risk.count("mark-left") == 1
    assert scenario.host()["tags"][NAME] == "yes"
    released = scenario.deployment.release(incident.id)
    assert [(each.what, each.restored) for each in released.release if each.step == NAME] == [
        (f"mark of {INSTANCE}", True)
    ]
    assert NAME not in scenario.host()["tags"]


def test_its_evidence_is_in_the_manifest(scenario: Scenario) -> None:
    scenario.deliver(asff())
    results = {each.name: each for each in scenario.incident.steps}
    missing = [each for kept in registry.evidence_of(results) for each in kept.missing]
    assert {"what": NAME, "reason": INSTANCE} in missing


def test_its_clients_are_made_beforehand(scenario: Scenario) -> None:
    del scenario
    assert registry.services()[-1] == "cloudtrail"


def test_its_grants_are_in_the_roles_and_on_the_page_of_permissions(scenario: Scenario) -> None:
    del scenario
    (needed,) = [each for each in registry.contain_grants() if each.grant == GRANTS[0]]
    assert needed.steps == (NAME,)
    assert "ec2:MonitorInstances" in registry.release_actions()
    assert "ec2:MonitorInstances" in render()


def test_it_is_on_the_page_of_steps(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    del scenario
    monkeypatch.setitem(steps.SWITCHES, NAME, Switch(on={}))  # type: ignore[arg-type]
    figures = calls.read()
    page = dict(steps.parts(figures))
    assert f"[{NAME}](#{NAME})" in page["overview"]
    assert "ec2:MonitorInstances" in page[NAME]


def test_what_is_left_out_of_its_record_is_an_error() -> None:
    with pytest.raises(TypeError, match="services"):
        Step(name=NAME, grants=(), release_grants=())  # type: ignore[call-arg]
