# SPDX-License-Identifier: Apache-2.0
"""Containments, further findings, releases and crashes in any order, on hosts that share everything that can be shared.

Whatever the order: a host that was isolated stays so until its release; a baseline that was written stays as it was;
nothing of a bystander is touched; and when all are released, everything is as it began, or named.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from functions.incident.items import stamp
from functions.incident.model import Incident, RestoredItem, State
from functions.release.release import ReleaseError
from hub.simulation.errors import Crash
from hub.simulation.faults import Fault
from hub.simulation.world_spec import Profile, ScalingGroup, TargetGroupSpec
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.scenario import Scenario, instance, open_scenario

A, B, BYSTANDER = "i-0000000000000001", "i-0000000000000002", "i-0000000000000003"
SHARED = {
    "scaling_group": ScalingGroup("web", min=0, max=9, desired=3),
    "target_groups": (TargetGroupSpec("web", 8080),),
    "profile": Profile("app-profile", "app-role"),
}
STEPS = """
    after_release: enforce
    limits: {scaling_group_share: 100, containments_per_scaling_group_hour: 100, containments_per_account_hour: 100}
    steps:
      scaling: {replace: false}
      isolate: {access: {ports: [22], cidrs: [198.51.100.0/24]}, network_acl: true}
      role_denial: {}
"""
LEASE_SECONDS = 100
OUTSIDE = {State.RELEASED, State.RELEASING, State.CLOSED}
CRASHES = (
    "autoscaling:EnterStandby",
    "dynamodb:PutItem",
    "dynamodb:TransactWriteItems",
    "ec2:CreateNetworkAclEntry",
    "ec2:ModifyNetworkInterfaceAttribute",
    "ec2:CreateSnapshots",
    "elbv2:DeregisterTargets",
    "iam:AttachRolePolicy",
    "iam:TagRole",
)
CHANGED_BY = {
    "network_acl": "network_acls",
    "role_denial": "roles",
    "scaling": "scaling_groups",
    "targets": "target_groups",
    "users": "users",
}
"""What of the world a step changes, where it isn't the instance itself."""
HOSTS = st.sampled_from([A, B])
ACTIONS = st.one_of(
    st.tuples(st.just("find"), HOSTS, st.none()),
    st.tuples(st.just("find"), HOSTS, st.sampled_from(CRASHES)),
    st.tuples(st.just("release"), HOSTS, st.none()),
    st.tuples(st.just("release"), HOSTS, st.sampled_from(["ec2:ModifyNetworkInterfaceAttribute", "iam:UntagRole"])),
)
Action = tuple[str, str, str | None]


class Small:
    """The small world, with what has to hold after each action."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.before = scenario.simulation.world()
        self.baselines: dict[str, Mapping[str, Any]] = {}
        self.isolated: set[str] = set()
        self.number = 0

    def act(self, action: Action) -> None:
        kind, host, crash = action
        if crash is not None:
            service, _, operation = crash.partition(":")
            self.scenario.simulation.inject([Fault(service, operation, "crash-after", 1)])
        if kind == "find":
            self.find(host)
        else:
            self.release(host)
        self.scenario.inject_faults()

    def find(self, host: str) -> None:
        self.number += 1
        self.scenario.simulation.clock.sleep(1)
        now = stamp(self.scenario.simulation.clock.now())
        finding = asff(C2, finding=f"{self.number:032x}", instances=(host,), UpdatedAt=now, LastObservedAt=now)
        (handed,) = self.scenario.hand_over(finding)
        assert handed.result is not None, handed.failure

    def release(self, host: str) -> None:
        for incident in self.of(host):
            if incident.state in OUTSIDE - {State.RELEASING} or not incident.baseline:
                continue
            self.isolated.discard(host)
            for _ in range(3):  # a release that died can be run again when its lease is over
                try:
                    self.scenario.deployment.release(incident.id)
                    break
                except ReleaseError:
                    break
                except Crash:
                    self.scenario.simulation.clock.sleep(LEASE_SECONDS)

    def of(self, host: str) -> list[Incident]:
        return [each for each in self.scenario.deployment.incidents() if each.target.instance == host]

    def holds(self) -> None:
        world = self.scenario.simulation.world()
        groups = {each["id"]: each for each in world["security_groups"]}
        for host in (A, B):
            worn = [groups[group] for eni in self.scenario.host(host)["enis"] for group in eni["groups"]]
            closed = all(each["name"].startswith("cordon-quarantine-") and not each["egress"] for each in worn)
            assert closed or host not in self.isolated, f"{host} was re-opened"
            if closed:
                self.isolated.add(host)
        for incident in self.scenario.deployment.incidents():
            known = self.baselines.get(incident.id, {})
            assert {name: incident.baseline[name] for name in known} == known, "a baseline was changed"
            self.baselines[incident.id] = incident.baseline
        assert of_bystander(world) == of_bystander(self.before)


def of_bystander(world: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must never change: the bystander, where it belongs, and every group that Cordon didn't make."""
    return {
        "instance": [each for each in world["instances"] if each["id"] == BYSTANDER],
        "groups": [each for each in world["security_groups"] if not each["name"].startswith("cordon-")],
        "scaling": [
            each for group in world["scaling_groups"] for each in group["instances"] if each["id"] == BYSTANDER
        ],
        "targets": [each for group in world["target_groups"] for each in group["targets"] if each["id"] == BYSTANDER],
    }


def as_it_began(world: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that a release gives back, with what it keeps left out: snapshots, and groups of Cordon's."""
    kept = ("instances", "network_acls", "scaling_groups", "target_groups", "roles", "users")
    return {name: world[name] for name in kept} | {"groups": of_bystander(world)["groups"]}


def run_actions(actions: list[Action]) -> list[RestoredItem]:
    """Act, look after each action, release everything; return what was not restored."""
    with open_scenario(
        policy(STEPS), *(instance(name, **SHARED) for name in (A, B, BYSTANDER)), warm=False
    ) as scenario:
        small = Small(scenario)
        for action in actions:
            small.act(action)
            small.holds()
        for host in (A, B):
            scenario.simulation.clock.sleep(timedelta(minutes=5).total_seconds())
            small.release(host)
        left = [item for each in scenario.deployment.incidents() for item in each.release if not item.restored]
        assert all(item.reason for item in left)
        named = {CHANGED_BY.get(item.step, "instances") for item in left}
        before, after = as_it_began(small.before), as_it_began(scenario.simulation.world())
        assert [name for name in before if before[name] != after[name] and name not in named] == []
        return left


@pytest.mark.parametrize("first", [A, B])
def test_what_two_hosts_share_ends_as_it_began(first: str) -> None:
    second = B if first == A else A
    left = run_actions([("find", A, None), ("find", B, None), ("release", first, None), ("release", second, None)])
    assert left == []


@settings(max_examples=1, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(ACTIONS, min_size=3, max_size=7))
@example([("find", A, "iam:TagRole"), ("find", B, None), ("release", A, None), ("find", A, None)])
def test_any_order_holds(actions: list[Action]) -> None:
    run_actions(actions)


@pytest.mark.faults
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ACTIONS, min_size=3, max_size=12))
def test_many_more_orders_hold(actions: list[Action]) -> None:
    run_actions(actions)
