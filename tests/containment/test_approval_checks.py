# SPDX-License-Identifier: Apache-2.0
"""Asking people first: never at the price of a host that waits, nor of one that is half in quarantine already."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import pytest

from functions.containment import contain, job
from functions.containment.observation import observe_host
from functions.incident.model import State
from functions.policy.model import Decision, Mode
from functions.steps import registry
from functions.steps.network import isolate
from functions.steps.registry import STEPS
from functions.steps.traffic import scaling, targets
from hub.simulation.world_spec import Eni, Profile, ScalingGroup, TargetGroupSpec
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.scenario import INSTANCE, Scenario, instance
from tests.steps.made import member


class Moment:
    """Something that happens once, waited for in the scenario's time."""

    scenario: Scenario

    def __init__(self) -> None:
        self._happened = False

    def is_set(self) -> bool:
        return self._happened

    def set(self) -> None:
        self._happened = True

    def wait(self, seconds: float) -> bool:
        """Wait that long at most, and tell whether it has happened by then."""
        clock = self.scenario.simulation.clock
        until = clock.monotonic() + seconds
        while not self._happened and clock.monotonic() < until:
            clock.sleep(0.01)
        return self._happened


LAST = instance(enis=(Eni(), Eni()), target_groups=(TargetGroupSpec("web", 8080),))


def closed(scenario: Any) -> list[bool]:
    names = {each["id"]: each["name"] for each in scenario.simulation.world()["security_groups"]}
    return [all(names[each].startswith("cordon-") for each in eni["groups"]) for eni in scenario.host()["enis"]]


def test_the_last_healthy_target_is_asked_about(new_scenario: NewScenario) -> None:
    scenario = new_scenario(LAST)
    scenario.deliver(asff(C2))
    assert scenario.incident.state is State.AWAITING_APPROVAL
    assert not any(closed(scenario))


def test_an_approval_check_that_reads_for_long_does_not_delay_isolation(
    new_scenario: NewScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    swapped = Moment()

    def slow(task: Any) -> Any:
        swapped.wait(10)
        return targets.observe_with_host(task)

    monkeypatch.setattr(contain, "APPROVAL_CHECK_SECONDS", 0.05)
    steps = tuple(dataclasses.replace(each, observe_with_host=slow) if each is targets.STEP else each for each in STEPS)
    monkeypatch.setattr(registry, "STEPS", steps)
    scenario = new_scenario(LAST)
    swapped.scenario = scenario
    seen: list[bool] = []
    verify = next(each for each in steps if each.name == "isolate").verify

    def then_let_go(*arguments: Any) -> Any:
        seen.append(not swapped.is_set())
        swapped.set()
        return verify(*arguments)

    monkeypatch.setattr(
        registry,
        "STEPS",
        tuple(dataclasses.replace(each, verify=then_let_go) if each.name == "isolate" else each for each in steps),
    )
    scenario.deliver(asff(C2))
    assert seen == [True], "isolation did not wait for the reading"
    assert closed(scenario) == [True, True]


def test_a_slow_list_of_target_groups_holds_nobody_up(
    new_scenario: NewScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    swapped = Moment()
    in_time: list[bool] = []

    def slow(who: Any) -> Any:
        in_time.append(swapped.wait(10))
        return targets.observe_early(who)

    def verify(*arguments: Any) -> Any:
        swapped.set()
        return isolate.verify(*arguments)

    monkeypatch.setattr(contain, "APPROVAL_CHECK_SECONDS", 0.05)
    changed = {
        "targets": dataclasses.replace(targets.STEP, observe_early=slow),
        "isolate": dataclasses.replace(isolate.STEP, verify=verify),
    }
    monkeypatch.setattr(registry, "STEPS", tuple(changed.get(each.name, each) for each in STEPS))
    scenario = new_scenario(LAST)
    swapped.scenario = scenario
    scenario.deliver(asff(C2))
    assert in_time == [True], "isolation waited for the target groups"
    assert closed(scenario) == [True, True]
    (target_group,) = scenario.simulation.world()["target_groups"]
    assert target_group["targets"] == []


def test_a_scaling_group_that_answers_late_holds_nobody_up(
    new_scenario: NewScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    swapped = Moment()
    in_time: list[bool] = []

    def apply(task: Any, prepared: Any) -> Any:
        in_time.append(swapped.wait(10))
        return scaling.apply(task, prepared)

    def verify(*arguments: Any) -> Any:
        swapped.set()
        return isolate.verify(*arguments)

    changed = {
        "scaling": dataclasses.replace(scaling.STEP, apply=apply),
        "isolate": dataclasses.replace(isolate.STEP, verify=verify, wait_seconds=0.05),
    }
    monkeypatch.setattr(registry, "STEPS", tuple(changed.get(each.name, each) for each in STEPS))
    group = ScalingGroup("web", min=0, max=4, desired=2)
    scenario = new_scenario(instance(scaling_group=group), instance("i-0000000000000002", scaling_group=group))
    swapped.scenario = scenario
    scenario.deliver(asff(C2))
    assert in_time == [True], "isolation waited for the group's answer"
    assert closed(scenario) == [True]


def test_a_scaling_group_that_nobody_can_tell_of_holds_nobody_up(
    new_scenario: NewScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host is isolated, and leaves its group on another try."""
    swapped = Moment()
    in_time: list[bool] = []

    def observe(who: Any) -> Any:
        if not in_time:
            in_time.append(swapped.wait(10))
        return scaling.membership(who)

    def verify(*arguments: Any) -> Any:
        swapped.set()
        return isolate.verify(*arguments)

    changed = {
        "scaling": dataclasses.replace(scaling.STEP, observe=observe, observe_seconds=0.05),
        "isolate": dataclasses.replace(isolate.STEP, verify=verify),
    }
    monkeypatch.setattr(registry, "STEPS", tuple(changed.get(each.name, each) for each in STEPS))
    group = ScalingGroup("web", min=0, max=4, desired=2)
    scenario = new_scenario(instance(scaling_group=group), instance("i-0000000000000002", scaling_group=group))
    swapped.scenario = scenario
    (handed,) = scenario.hand_over(asff(C2))
    assert in_time == [True], "isolation waited to be told of the group"
    assert handed.delivered.receives == 2, "nobody tried again"
    assert closed(scenario) == [True]
    (left,) = scenario.other_client("autoscaling").describe_auto_scaling_instances(InstanceIds=[INSTANCE])[
        "AutoScalingInstances"
    ]
    assert left["LifecycleState"] == "Standby"


def test_a_host_half_in_quarantine_is_past_asking(new_scenario: NewScenario) -> None:
    """To stop there because a second host left meanwhile would leave it half open."""
    scenario = new_scenario(instance(enis=(Eni(), Eni())))
    scenario.deliver(asff(C2))
    decision = Decision("f", Mode.ENFORCE, "c2", "config/organization.yaml:1", "b" * 64, (), {"scaling": {}})
    with scenario.simulation.delivering(2):
        who = member(scenario)
        observation = observe_host(who, STEPS)
        assert observation.host is not None
        prepared = partial(job.prepare_job, who, observation.host, observation, decision, steps=STEPS, resumed=True)
        assert prepared(baseline={}).approval_checks
        assert not prepared(baseline=scenario.incident.baseline).approval_checks
        who.pool.close()


def test_what_is_changed_is_counted_also_where_every_section_comes_late(new_scenario: NewScenario) -> None:
    others = ["isolate", "protect", "snapshot", "tags", "capture", "scaling"]
    steps = ", ".join(f"{each}: {{enabled: false}}" for each in others)
    scenario = new_scenario(instance(profile=Profile("app", "app")), bundle=policy(f"steps: {{{steps}}}\n"))
    scenario.deliver(asff(C2))
    table = scenario.deployment.settings.table
    items = scenario.clients.hub("dynamodb").scan(TableName=table)["Items"]
    counted = [each for each in items if each["pk"]["S"].startswith("usage#organization")]
    assert [each["containments"]["N"] for each in counted] == ["1"]
