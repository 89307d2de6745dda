# SPDX-License-Identifier: Apache-2.0
"""Out of the target groups, by id or by address and with the very port, and in again: read from the target groups."""

from __future__ import annotations

import ipaddress
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from functions.incident.model import State, StepResult
from functions.intake.result import Outcome
from functions.parallel import ThreadPool
from functions.policy.model import Mode, Policy
from functions.steps.traffic import targets
from hub.simulation.world_spec import Eni, Instance, TargetGroupSpec
from tests.conftest import NewScenario
from tests.containment import hosts
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.scenario import ACCOUNT, INSTANCE, REGION, Scenario, instance
from tests.steps.made import bare_task

SECOND, THIRD = "i-0000000000000002", "i-0000000000000003"
WEB, API = TargetGroupSpec("web", 8080), TargetGroupSpec("api", 9000, by="ip")
HOSTS = ("instances", "scaling_groups", "target_groups", "snapshots")
"""All that a containment changes; a quarantine group that nothing wears may be made beside the baseline."""


def only(scaling: str, further: str = "") -> bytes:
    """Return the policy that isolates, and has these options for scaling; other steps only take time here."""
    off = ", ".join(f"{name}: {{enabled: false}}" for name in ("protect", "snapshot", "tags"))
    return policy(f"steps: {{scaling: {{{scaling}}}, {off}}}\n{further}")


ON, KEPT = only(""), only("targets: keep")


def pair(*groups: TargetGroupSpec, second: tuple[TargetGroupSpec, ...] | None = None, **fields: Any) -> list[Instance]:
    return [instance(target_groups=groups, **fields), instance(SECOND, target_groups=second or groups)]


def registered(scenario: Scenario) -> dict[str, set[tuple[str, int]]]:
    groups = scenario.simulation.world()["target_groups"]
    return {each["name"]: {(target["id"], target["port"]) for target in each["targets"]} for each in groups}


def address(scenario: Scenario, name: str) -> str:
    return str(scenario.host(name)["enis"][0]["addresses"][0])


def step(scenario: Scenario) -> StepResult:
    (found,) = [each for each in scenario.incident.steps if each.name == "targets"]
    return found


def isolated(scenario: Scenario) -> bool:
    return scenario.group("app") not in scenario.host()["enis"][0]["groups"]


def backend() -> Any:
    """The target groups as moto has them."""
    from moto.elbv2.models import elbv2_backends

    return elbv2_backends[ACCOUNT][REGION]


def test_out_of_every_target_group_and_in_again(new_scenario: NewScenario) -> None:
    """By id with a port beside the target group's own, and by address."""
    (second, first) = reversed(pair(TargetGroupSpec("web", 8081), API, second=(WEB, API)))
    scenario = new_scenario(second, first, bundle=ON)
    before = registered(scenario)
    assert before["web"] == {(INSTANCE, 8081), (SECOND, 8080)}
    assert before["api"] == {(address(scenario, INSTANCE), 9000), (address(scenario, SECOND), 9000)}
    scenario.deliver(asff(C2))
    assert scenario.incident.state is State.CONTAINED, scenario.incident.reason
    assert registered(scenario) == {"web": {(SECOND, 8080)}, "api": {(address(scenario, SECOND), 9000)}}
    record = scenario.deployment.release(scenario.incident.id)
    assert [each for each in record.release if not each.restored] == []
    assert registered(scenario) == before


def test_an_address_is_the_host_in_its_own_vpc_alone_and_in_any_spelling(new_scenario: NewScenario) -> None:
    elsewhere = instance(SECOND, vpc="other", target_groups=(TargetGroupSpec("elsewhere", 9000, by="ip"),))
    members = [instance(enis=(Eni(ipv6=True),), target_groups=(API,)), instance(THIRD, target_groups=(API,)), elsewhere]
    scenario = new_scenario(*members, bundle=ON)
    v6 = next(each for each in scenario.host()["enis"][0]["addresses"] if ":" in each)
    spelt = ipaddress.ip_address(v6).exploded.upper()
    assert spelt != v6
    groups = backend().target_groups.values()
    for group, name in ((group, name) for group in groups for name in (spelt, address(scenario, INSTANCE))):
        group.register([{"Id": name, "Port": 9000}])
    before = registered(scenario)
    scenario.deliver(asff(C2))
    assert scenario.incident.state is State.CONTAINED
    assert registered(scenario) == {**before, "api": {(address(scenario, THIRD), 9000)}}
    scenario.deployment.release(scenario.incident.id)
    assert registered(scenario) == before


def test_kept_targets_stay(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*pair(WEB, API), bundle=KEPT)
    before = registered(scenario)
    scenario.deliver(asff(C2))
    assert scenario.incident.state is State.CONTAINED
    assert registered(scenario) == before
    assert "targets" not in {each.name for each in scenario.incident.steps}


@pytest.mark.parametrize("bundle", [ON, KEPT], ids=["on", "kept"])
def test_the_last_healthy_target_asks_and_changes_nothing(new_scenario: NewScenario, bundle: bytes) -> None:
    scenario = new_scenario(instance(target_groups=(WEB,)), instance(SECOND, state="stopped"), bundle=bundle)
    # A neighbour that does not run is no healthy one.
    (web,) = backend().target_groups.values()
    web.targets[SECOND] = {"Id": SECOND, "Port": 8080}
    before = scenario.simulation.world()
    (result,) = scenario.deliver(asff(C2))
    assert result.outcome is Outcome.AWAITING_APPROVAL
    assert "last healthy target of target group 'web'" in scenario.incident.reason
    after = scenario.simulation.world()
    assert {what: after[what] for what in HOSTS} == {what: before[what] for what in HOSTS}
    assert scenario.calls("DeregisterTargets", "ModifyNetworkInterfaceAttribute") == []
    assert scenario.incident.baseline == {}


def test_policy_says_what_becomes_of_the_last_healthy_target() -> None:
    nobody: Any = None
    task = bare_task(nobody, nobody, {}, targets.TargetsObserved(alone=("web",)), {})
    caps = targets.approval_check(task, None, Policy((), last_healthy_target=Mode.ENFORCE))
    assert [cap.mode for cap in caps] == [Mode.ENFORCE]


def test_target_groups_that_can_not_be_read_are_a_named_gap(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*pair(WEB), bundle=ON, faults=["elbv2:DescribeTargetGroups=AccessDenied"])
    before = registered(scenario)
    scenario.deliver(asff(C2))
    assert scenario.incident.state is State.PARTIAL
    assert isolated(scenario)
    assert step(scenario).error == "AccessDenied"
    assert registered(scenario) == before


def test_one_unread_target_group_keeps_no_other_from_being_left(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*pair(WEB, API), bundle=ON, faults=["elbv2:DescribeTargetHealth=AccessDenied*1"])
    scenario.deliver(asff(C2))
    assert scenario.incident.state is State.PARTIAL
    assert isolated(scenario)
    assert sorted(len(each) for each in registered(scenario).values()) == [1, 2]


def test_what_a_later_try_can_read_is_left_then_and_given_back(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*pair(WEB), bundle=ON, faults=["elbv2:DescribeTargetHealth=InternalError*4"])
    before = registered(scenario)
    (handed,) = scenario.hand_over(asff(C2))
    assert handed.delivered.receives == 2
    assert scenario.incident.state is State.CONTAINED
    assert registered(scenario) == {"web": {(SECOND, 8080)}}
    scenario.deployment.release(scenario.incident.id)
    assert registered(scenario) == before


def test_one_is_gone_and_one_is_as_it_was(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*pair(WEB, API), bundle=ON)
    scenario.deliver(asff(C2))
    groups = backend().target_groups
    web, api = sorted(groups.values(), key=lambda each: each.name, reverse=True)
    api.register([{"Id": address(scenario, INSTANCE), "Port": 9000}])
    del groups[web.arn]
    record = scenario.deployment.release(scenario.incident.id)
    assert record.state is State.RELEASED
    found = {each.what.rpartition(" ")[2]: each for each in record.release if each.step == "targets"}
    assert (found["api"].restored, found["api"].reason) == (True, "found as it was")
    assert not found["web"].restored
    assert "target group is gone" in found["web"].reason
    assert found["web"].command.startswith(f"aws elbv2 register-targets --target-group-arn {web.arn} ")
    assert scenario.calls("RegisterTargets") == []


def test_a_plan_waits_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "PLAN_SECONDS", 0.01)
    host: Any = SimpleNamespace(id=INSTANCE, vpc="vpc-1")
    nobody: Any = None
    assert len(targets.plan(bare_task(nobody, host, {}, None, {}, early=Future()))) == 1


def read(groups: tuple[targets.TargetGroup, ...]) -> Future[tuple[targets.TargetGroup, ...]]:
    """Return target groups as they are once they are read."""
    done: Future[tuple[targets.TargetGroup, ...]] = Future()
    done.set_result(groups)
    return done


def test_the_plan_stands_for_what_is_not_known_yet() -> None:
    host: Any = SimpleNamespace(id=INSTANCE, vpc="vpc-1")
    nobody: Any = None
    groups = (targets.TargetGroup("arn", "web", "vpc-1", "instance"),)
    task = bare_task(nobody, host, {}, None, {}, early=read(groups))
    (call,) = targets.plan(task)
    assert (call.service, call.operation) == ("elbv2", "DeregisterTargets")
    assert call.parameters == {"TargetGroupArn": targets.ANY_GROUP, "Targets": [{"Id": INSTANCE}]}
    assert targets.plan(replace(task, host=SimpleNamespace(id=INSTANCE, vpc="vpc-2"))) == ()


def test_every_page_of_target_groups_is_read() -> None:
    pages = {
        None: {"TargetGroups": [_described("web")], "NextMarker": "further"},
        "further": {"TargetGroups": [_described("api")]},
    }
    client = SimpleNamespace(describe_target_groups=lambda Marker=None: pages[Marker])
    member: Any = SimpleNamespace(client=lambda _: client)
    found = targets.observe_early(member)
    assert [each.name for each in found] == ["web", "api"]


def _described(name: str) -> dict[str, str]:
    return {"TargetGroupArn": f"arn-of-{name}", "TargetGroupName": name, "VpcId": "vpc-1", "TargetType": "instance"}


def test_an_address_of_the_host_in_another_vpc_is_somebody_elses_in_its_own() -> None:
    elsewhere = hosts.interface("eni-2", vpc="vpc-2", addresses=("10.0.0.9",))
    health = [
        {"Target": {"Id": name, "Port": 80}, "TargetHealth": {"State": "healthy"}} for name in ("10.0.0.1", "10.0.0.9")
    ]
    client = SimpleNamespace(describe_target_health=lambda TargetGroupArn: {"TargetHealthDescriptions": health})  # noqa: ARG005 - AWS's name
    member: Any = SimpleNamespace(client=lambda _: client, pool=ThreadPool())
    groups = (targets.TargetGroup("arn", "web", "vpc-1", "ip"),)
    host = hosts.host(interfaces=(hosts.interface(), elsewhere))
    found = targets.observe_with_host(bare_task(member, host, {}, None, {}, early=read(groups)))
    member.pool.close()
    assert [each.id for each in found.registered] == ["10.0.0.1"]
