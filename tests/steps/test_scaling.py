# SPDX-License-Identifier: Apache-2.0
"""Out of the Auto Scaling group before the swap, and back at release: read from the group, not from the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from functions.incident.model import Incident, RestoredItem, State, StepOutcome, StepResult
from functions.intake.result import Outcome
from functions.policy.model import Limits, Mode, Policy
from functions.steps.step import Task
from functions.steps.traffic import scaling
from functions.steps.traffic.scaling_group import Membership
from hub.simulation.run import SimulationRequest, run
from hub.simulation.world_spec import Instance, ScalingGroup, TargetGroupSpec
from tests.conftest import NewScenario
from tests.end_to_end.hosts import HOST, NEIGHBOUR, event, host, world
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.scenario import ACCOUNT, INSTANCE, REGION, Scenario, instance
from tests.steps.made import bare_task

SECOND, THIRD, FOURTH = (f"i-{number:017x}" for number in (2, 3, 4))
ITEM = "Auto Scaling group web"
NAMES: Mapping[str, Any] = {"AutoScalingGroupName": "web", "InstanceIds": [INSTANCE]}
HOSTS = ("instances", "scaling_groups", "target_groups", "snapshots")
"""All that a containment changes; a quarantine group that nothing wears may be made beside the baseline."""


def only(options: str, further: str = "") -> bytes:
    """Return the policy that isolates, and has these options for scaling; other steps only take time here."""
    off = ", ".join(f"{name}: {{enabled: false}}" for name in ("protect", "snapshot", "tags"))
    return policy(f"steps: {{scaling: {{{options}}}, {off}}}\n{further}")


STANDBY, SHRINK = only(""), only("replace: false")
DETACH, DETACH_SHRINK = only("leave: detach"), only("leave: detach, replace: false")


def members(size: int = 3, *, low: int = 1, high: int = 4, **fields: Any) -> list[Instance]:
    group = ScalingGroup("web", low, high, size)
    return [instance(name, scaling_group=group, **fields) for name in (INSTANCE, SECOND, THIRD, FOURTH)[:size]]


def finding(name: str = INSTANCE) -> Any:
    return asff(C2, finding=name[-2:].rjust(32, "0"), instances=[name])


def group(scenario: Scenario) -> Mapping[str, Any]:
    (found,) = scenario.simulation.world()["scaling_groups"]
    return dict(found)


def states(scenario: Scenario) -> dict[str, str]:
    return {each["id"]: each["lifecycle"] for each in group(scenario)["instances"]}


def isolated(scenario: Scenario) -> bool:
    return scenario.group("app") not in {worn for eni in scenario.host()["enis"] for worn in eni["groups"]}


def step(scenario: Scenario) -> StepResult:
    (found,) = [each for each in scenario.incident.steps if each.name == "scaling"]
    return found


def item(record: Incident, what: str = ITEM) -> RestoredItem:
    (found,) = [each for each in record.release if each.step == "scaling" and each.what == what]
    return found


def incident_of(scenario: Scenario, name: str) -> str:
    (found,) = [each.id for each in scenario.deployment.incidents() if each.target.instance == name]
    return found


def backend() -> Any:
    """The groups as moto has them: a client of somebody else takes as long to make as a whole containment."""
    from moto.autoscaling.models import autoscaling_backends

    return autoscaling_backends[ACCOUNT][REGION]


WAYS: Mapping[str, tuple[bytes, str | None, int, int]] = {
    # options -> the state of the host in the group, the desired capacity then, and how many the group lists
    "standby and replace": (STANDBY, "Standby", 3, 4),
    "standby and shrink": (SHRINK, "Standby", 2, 3),
    "detach and replace": (DETACH, None, 3, 3),
    "detach and shrink": (DETACH_SHRINK, None, 2, 2),
}


@pytest.mark.parametrize("way", WAYS)
def test_out_of_the_group_and_back_with_its_protection(new_scenario: NewScenario, way: str) -> None:
    bundle, lifecycle, desired, size = WAYS[way]
    scenario = new_scenario(*members(), bundle=bundle)
    backend().set_instance_protection("web", [INSTANCE], protected_from_scale_in=True)
    before = group(scenario)
    scenario.deliver(finding())
    assert scenario.incident.state is State.CONTAINED, scenario.incident.reason
    assert isolated(scenario)
    assert states(scenario).get(INSTANCE) == lifecycle
    assert (group(scenario)["desired"], len(states(scenario))) == (desired, size)
    record = scenario.deployment.release(scenario.incident.id)
    assert record.state is State.RELEASED
    assert [each for each in record.release if not each.restored] == []
    now = group(scenario)
    if desired == 2:
        assert now == before
    else:  # the replacement is Auto Scaling's from then on
        assert [now[each] for each in ("min", "max", "desired")] == [1, 4, 4]
        assert [each for each in before["instances"] if each not in now["instances"]] == []
        assert "one instance more" in item(record).reason
    assert len(scenario.calls("SetInstanceProtection")) == (lifecycle is None)


@pytest.mark.parametrize(
    ("bundle", "faults"),
    [(SHRINK, []), (DETACH_SHRINK, ["autoscaling:DescribeAutoScalingGroups=AccessDenied"])],
    ids=["sizes known", "sizes unread"],
)
def test_a_group_at_its_minimum_gets_a_replacement_all_the_same(
    new_scenario: NewScenario, bundle: bytes, faults: list[str]
) -> None:
    scenario = new_scenario(*members(2, low=2), bundle=bundle, faults=faults)
    scenario.deliver(finding())
    assert scenario.incident.state is State.CONTAINED
    assert states(scenario).get(INSTANCE) in {"Standby", None}
    assert [group(scenario)[size] for size in ("min", "max", "desired")] == [2, 4, 2]
    assert list(states(scenario).values()).count("InService") == 2
    assert step(scenario).outcome is StepOutcome.DONE
    assert "so Auto Scaling launches a replacement" in step(scenario).reason


def test_a_full_group_is_left_to_people_with_the_command(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*members(2, high=2), bundle=STANDBY)
    scenario.deliver(finding())
    out = group(scenario)
    record = scenario.deployment.release(scenario.incident.id)
    assert record.state is State.RELEASED
    assert (item(record).restored, item(record).retry) == (False, False)
    assert "MaxSize of 2" in item(record).reason
    assert item(record).command == (
        f"aws autoscaling exit-standby --auto-scaling-group-name web --instance-ids {INSTANCE} --region {REGION}"
    )
    assert group(scenario) == out
    assert not isolated(scenario)


FAULTS: Mapping[str, tuple[str, State, str, int]] = {
    # what EnterStandby meets -> the state of the incident, the host's in the end, and how often it was called
    "a refusal": ("AccessDenied", State.PARTIAL, "InService", 1),
    "no answer, with effect": ("timeout-after", State.CONTAINED, "Standby", 1),
    "contention": ("ResourceContention*2", State.CONTAINED, "Standby", 3),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_is_recorded_and_never_blocks_isolation(new_scenario: NewScenario, fault: str) -> None:
    what, state, lifecycle, calls = FAULTS[fault]
    scenario = new_scenario(*members(2), bundle=STANDBY, faults=[f"autoscaling:EnterStandby={what}"])
    scenario.deliver(finding())
    assert scenario.incident.state is state
    assert isolated(scenario)
    assert states(scenario)[INSTANCE] == lifecycle
    asked, swapped = scenario.calls("EnterStandby"), scenario.calls("ModifyNetworkInterfaceAttribute")
    assert len(asked) == calls
    assert asked[0]["n"] < swapped[0]["n"]
    if state is State.PARTIAL:
        assert step(scenario).error == what
        assert item(scenario.deployment.release(scenario.incident.id)).restored


def test_a_membership_that_can_not_be_read_is_a_named_gap(new_scenario: NewScenario) -> None:
    faults = ["autoscaling:DescribeAutoScalingInstances=AccessDenied"]
    scenario = new_scenario(*members(2), bundle=STANDBY, faults=faults)
    scenario.deliver(finding())
    assert scenario.incident.state is State.PARTIAL
    assert isolated(scenario)
    assert step(scenario).error == "AccessDenied"
    assert states(scenario)[INSTANCE] == "InService"


def test_accepted_before_the_swap_and_isolated_in_five_round_trips() -> None:
    fields: Any = {"scaling_group": ScalingGroup("web", 1, 4, 2), "target_groups": (TargetGroupSpec("web", 8080),)}
    hosts = [host(NEIGHBOUR), *(host(name, **fields) for name in (HOST, THIRD))]
    events = [event(C2, instance=name, finding=name[-1] * 32) for name in (NEIGHBOUR, HOST)]
    ended = run(SimulationRequest(events, STANDBY, world(*hosts), latency_ms=50))
    by_instance = {incident.target.instance: incident for incident in ended.incidents}
    alone, member = by_instance[NEIGHBOUR], by_instance[HOST]
    assert {each.name: each.reason for each in alone.steps}["scaling"] == "in no Auto Scaling group"
    assert member.state is State.CONTAINED, member.reason
    calls = [call for call in ended.calls if call["incident"] == member.id]
    accepted = next(call["end_ms"] for call in calls if call["operation"] == "EnterStandby")
    swapped = min(call["start_ms"] for call in calls if call["operation"] == "ModifyNetworkInterfaceAttribute")
    assert accepted <= swapped
    trips = ended.round_trips(member)
    assert trips is not None
    assert trips <= 5


@pytest.mark.parametrize(
    ("bundle", "order"),
    [(SHRINK, (INSTANCE, SECOND)), (DETACH_SHRINK, (SECOND, INSTANCE))],
    ids=["standby, first in", "detach, last in"],
)
def test_two_of_one_group_are_released_in_either_order(
    new_scenario: NewScenario, bundle: bytes, order: Sequence[str]
) -> None:
    scenario = new_scenario(*members(4, target_groups=(TargetGroupSpec("web", 8080),)), bundle=bundle)
    before = scenario.simulation.world()
    results = scenario.deliver(finding(INSTANCE), finding(SECOND))
    assert {each.outcome for each in results} == {Outcome.ACTED}
    assert group(scenario)["desired"] == 2
    for name in order:
        record = scenario.deployment.release(incident_of(scenario, name))
        assert [each for each in record.release if not each.restored] == []
    after = scenario.simulation.world()
    assert {what: after[what] for what in HOSTS} == {what: before[what] for what in HOSTS}


def test_protection_that_could_not_be_set_is_set_by_a_further_release(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*members(2), bundle=DETACH_SHRINK)
    backend().set_instance_protection("web", [INSTANCE], protected_from_scale_in=True)
    before = group(scenario)
    scenario.deliver(finding())
    # The answer of the first never comes: what it did is looked up.
    scenario.inject_faults(
        "autoscaling:AttachInstances=timeout-after", "autoscaling:SetInstanceProtection=ValidationError*1"
    )
    record = scenario.deployment.release(scenario.incident.id)
    assert record.state is State.RELEASING
    assert "set-instance-protection" in item(record, f"scale-in protection in {ITEM}").command
    assert scenario.deployment.release(scenario.incident.id).state is State.RELEASED
    assert group(scenario) == before


@pytest.mark.parametrize("bundle", [SHRINK, only("enabled: false")], ids=["step on", "step off"])
def test_more_than_the_share_asks_and_changes_nothing(new_scenario: NewScenario, bundle: bytes) -> None:
    scenario = new_scenario(*members(3), bundle=bundle)
    backend().enter_standby_instances("web", [SECOND], should_decrement=True)
    before = scenario.simulation.world()
    (result,) = scenario.deliver(finding())
    assert result.outcome is Outcome.AWAITING_APPROVAL
    assert "2 of 3 instances of Auto Scaling group 'web' would be out of it" in scenario.incident.reason
    after = scenario.simulation.world()
    assert {what: after[what] for what in HOSTS} == {what: before[what] for what in HOSTS}
    assert scenario.calls("EnterStandby", "ModifyNetworkInterfaceAttribute") == []
    assert scenario.incident.baseline == {}


def _task(lifecycle: str, **options: Any) -> Task:
    """Return a task that reaches nothing."""
    found: Any = SimpleNamespace(id=INSTANCE)
    section = {"group": "web", "lifecycle": "InService", "protected": False}
    nobody: Any = None
    return bare_task(nobody, found, options, Membership("web", lifecycle, protected=False), section, resumed=False)


def read(sizes: Mapping[str, Any] | None) -> Future[Mapping[str, Any] | None]:
    """Return the sizes of a group as they are once they are read."""
    done: Future[Mapping[str, Any] | None] = Future()
    done.set_result(sizes)
    return done


SHARES = [
    # the others' states, the desired capacity, per cent of policy -> whether people are asked
    ("", 1, 1, False),
    ("I", 2, 50, False),
    ("S", 1, 50, True),
    ("SI", 2, 50, True),
    ("SII", 3, 50, False),
    ("SII", 3, 49, True),
    ("SS", 1, 100, False),
    ("DIII", 4, 40, False),
    ("DIII", 4, 39, True),
]


@pytest.mark.parametrize(("others", "desired", "share", "asked"), SHARES)
def test_the_share_counts_who_is_out_whatever_was_replaced(others: str, desired: int, share: int, asked: bool) -> None:
    words = {"I": "InService", "S": "Standby", "D": "Detaching"}
    listed = [{"InstanceId": f"i-{at}", "LifecycleState": words[each]} for at, each in enumerate(others)]
    sizes = {
        "DesiredCapacity": desired,
        "Instances": [*listed, {"InstanceId": INSTANCE, "LifecycleState": "InService"}],
    }
    policy_in_force = Policy((), limits=Limits(scaling_group_share=share))
    caps = list(scaling.approval_check(_task("InService"), read(sizes), policy_in_force))
    assert [cap.mode for cap in caps] == [Mode.APPROVE] * asked
    assert list(scaling.approval_check(_task("Standby"), read(sizes), policy_in_force)) == []


@pytest.mark.parametrize(
    ("lifecycle", "outcome", "passing"),
    [
        ("EnteringStandby", StepOutcome.DONE, False),
        ("Detaching", StepOutcome.DONE, False),
        ("Pending:Wait", StepOutcome.FAILED, True),
        ("Terminating:Wait", StepOutcome.FAILED, False),
        ("Warmed:Stopped", StepOutcome.FAILED, False),
    ],
)
def test_only_one_in_service_can_leave(lifecycle: str, outcome: StepOutcome, passing: bool) -> None:
    """Nothing is called: the task reaches nobody."""
    result = scaling.apply(_task(lifecycle), read(None))
    assert (result.outcome, result.transient) == (outcome, passing)
    assert lifecycle in result.items[0].reason
    assert scaling.plan(_task(lifecycle)) == ()


def test_one_that_joined_later_is_a_named_gap() -> None:
    section = {"group": None, "lifecycle": None, "protected": False}
    result = scaling.apply(replace(_task("InService"), section=section), read(None))
    assert result.error == "NoBaseline"


def test_the_plan_tells_the_call() -> None:
    (call,) = scaling.plan(_task("InService", leave="detach", replace=False))
    assert (call.service, call.operation) == ("autoscaling", "DetachInstances")
    assert call.parameters == {**NAMES, "ShouldDecrementDesiredCapacity": True}


def test_one_that_is_in_standby_already_stays_there(new_scenario: NewScenario) -> None:
    """Not even detached: out of standby that may end other instances (Auto Scaling API reference, DetachInstances)."""
    scenario = new_scenario(*members(2), bundle=DETACH)
    backend().enter_standby_instances("web", [INSTANCE], should_decrement=True)
    before = group(scenario)
    scenario.deliver(finding())
    assert scenario.incident.state is State.CONTAINED
    record = scenario.deployment.release(scenario.incident.id)
    assert item(record).restored
    assert group(scenario) == before


def test_what_somebody_else_did_meanwhile_is_left_and_named(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*members(2), bundle=SHRINK)
    scenario.deliver(finding())
    backend().detach_instances("web", [INSTANCE], should_decrement=False)
    record = scenario.deployment.release(scenario.incident.id)
    assert record.state is State.RELEASED
    assert not item(record).restored
    assert item(record).command.startswith("aws autoscaling attach-instances ")
    assert INSTANCE not in states(scenario)


def test_a_group_that_is_gone_is_named(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*members(2), bundle=DETACH)
    scenario.deliver(finding())
    del backend().autoscaling_groups["web"]
    record = scenario.deployment.release(scenario.incident.id)
    assert record.state is State.RELEASED
    assert item(record).reason == "there is no such group any more"


def test_a_stopped_host_is_left_in_standby(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*members(2), bundle=SHRINK)
    scenario.deliver(finding())
    scenario.other_client().stop_instances(InstanceIds=[INSTANCE])
    record = scenario.deployment.release(scenario.incident.id)
    assert states(scenario)[INSTANCE] == "Standby"
    assert "is stopped" in item(record).reason
    assert item(record).command
