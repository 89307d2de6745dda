# SPDX-License-Identifier: Apache-2.0
"""What the described instance decides: its state, its cluster, exceptions by image, tag and id."""

from __future__ import annotations

from typing import Any

import pytest

from functions.incident.model import State, StepOutcome
from functions.intake.result import Outcome
from functions.policy.model import Mode
from hub.simulation.world_spec import Eni, ScalingGroup
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.intake.policies import IMAGE, policy
from tests.scenario import ACCOUNT, INSTANCE, Scenario, instance

CHANGES = ("Modify", "Create", "Authorize", "Revoke", "Delete", "Terminate", "Stop")


def changes(scenario: Scenario) -> list[str]:
    return [call["operation"] for call in scenario.calls() if call["operation"].startswith(CHANGES)]


@pytest.mark.parametrize("state", ["pending", "stopping", "stopped"])
def test_an_instance_that_can_run_again_is_contained_and_its_state_told(new_scenario: NewScenario, state: Any) -> None:
    scenario = new_scenario(instance(state=state, enis=2 * (instance().enis[0],)))
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.ACTED
    assert scenario.incident.state is State.CONTAINED
    assert scenario.incident.reason.startswith(f"the instance is {state}; ")
    assert len({tuple(eni["groups"]) for eni in scenario.host()["enis"]}) == 1
    assert len(scenario.simulation.world()["snapshots"]) == 1


def test_what_is_shutting_down_is_isolated_and_its_disks_are_kept(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(state="shutting-down", volumes=2))
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.ACTED
    assert scenario.incident.state is State.PARTIAL
    assert scenario.incident.reason.startswith("the instance is shutting-down; 1 of 1 interfaces isolated")
    outcomes = {step.name: step.outcome for step in scenario.incident.steps}
    assert {name: outcomes[name] for name in ("isolate", "protect", "snapshot", "tags")} == {
        "isolate": StepOutcome.DONE,
        "protect": StepOutcome.FAILED,
        "snapshot": StepOutcome.DONE,
        "tags": StepOutcome.DONE,
    }
    assert len(scenario.simulation.world()["snapshots"]) == 2


@pytest.mark.parametrize(("state", "part"), [("terminated", "is terminated"), (None, "no longer exists")])
def test_what_is_gone_is_said_to_be(new_scenario: NewScenario, state: Any, part: str) -> None:
    scenario = new_scenario(instance(state=state) if state else instance("i-0000000000000002"))
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.IGNORED
    assert f"{INSTANCE} {part}" in result.reason
    assert scenario.incident.state is State.CLOSED
    assert scenario.incident.findings == (asff()["Id"],)
    assert changes(scenario) == []


EKS_TAGS = [
    {"eks:cluster-name": "blue"},
    {"kubernetes.io/cluster/blue": "owned"},
    {"karpenter.sh/nodepool": "default"},
]


@pytest.mark.parametrize("tags", EKS_TAGS)
def test_a_node_of_a_cluster_waits_for_approval(new_scenario: NewScenario, tags: dict[str, str]) -> None:
    scenario = new_scenario(instance(tags=tags))
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.AWAITING_APPROVAL
    assert "EKS" in result.reason
    assert changes(scenario) == []
    assert scenario.incident.plan
    assert {step.outcome for step in scenario.incident.steps} == {StepOutcome.PLANNED}


UNTIL = "until: 2026-12-31, reason: penetration test"
EXCEPTIONS = {
    "image": (f"image: {IMAGE}, mode: observe", Mode.OBSERVE),
    "another image": ("image: ami-0000000000000000f, mode: observe", Mode.ENFORCE),
    "a tag alone lowers to approval": ("tags: {team: red}, mode: observe", Mode.APPROVE),
    "another value of the tag": ("tags: {team: blue}, mode: observe", Mode.ENFORCE),
    "a tag and the account": (f'tags: {{team: red}}, account: "{ACCOUNT}", mode: observe', Mode.APPROVE),
    "instance": (f'instance: {INSTANCE}, account: "{ACCOUNT}", mode: "off"', Mode.OFF),
    "another instance": (f'instance: i-0000000000000002, account: "{ACCOUNT}", mode: "off"', Mode.ENFORCE),
    "another rule": (f"image: {IMAGE}, mode: observe, rules: [tor]", Mode.ENFORCE),
    "this rule": (f"image: {IMAGE}, mode: observe, rules: [command-and-control]", Mode.OBSERVE),
    "a scaling group": ("scaling_group: web, mode: approve", Mode.APPROVE),
    "another scaling group": ("scaling_group: app, mode: approve", Mode.ENFORCE),
}
OUTCOMES = {
    Mode.OFF: Outcome.IGNORED,
    Mode.OBSERVE: Outcome.OBSERVED,
    Mode.APPROVE: Outcome.AWAITING_APPROVAL,
    Mode.ENFORCE: Outcome.ACTED,
}


@pytest.mark.parametrize("case", EXCEPTIONS)
def test_exceptions(new_scenario: NewScenario, case: str) -> None:
    text, mode = EXCEPTIONS[case]
    bundle = policy(f"exceptions:\n  pentest: {{{UNTIL}, {text}}}\n")
    scenario = new_scenario(instance(tags={"team": "red"}, scaling_group=ScalingGroup("web")), bundle=bundle)
    (result,) = scenario.deliver(asff())
    assert result.outcome is OUTCOMES[mode]
    if mode is not Mode.ENFORCE:
        assert "penetration test" in result.reason
        assert changes(scenario) == []


def test_an_exception_that_has_ended_counts_no_more(new_scenario: NewScenario) -> None:
    bundle = policy(f"exceptions:\n  pentest: {{until: 2026-03-01, reason: a, image: {IMAGE}, mode: observe}}\n")
    (result,) = new_scenario(bundle=bundle).deliver(asff())
    assert result.outcome is Outcome.ACTED


def test_an_interface_that_somebody_manages_is_named_and_the_others_isolated(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(enis=(Eni(), Eni(requester_managed=True))))
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.ACTED
    first, second = scenario.host()["enis"]
    assert first["groups"] != second["groups"]
    assert scenario.incident.state is State.PARTIAL
    assert second["id"] in scenario.incident.reason
    assert "managed-interfaces" in scenario.incident.residual_risk
    assert "interfaces" not in scenario.incident.residual_risk


def test_what_eks_manages_itself_is_told_and_its_disks_are_kept(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(managed_by="eks-auto"))
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.ACTED
    assert scenario.incident.state is State.FAILED
    assert "managed by" in scenario.incident.reason
    assert "isolated" not in scenario.incident.clocks
    assert len(scenario.simulation.world()["snapshots"]) == 1
