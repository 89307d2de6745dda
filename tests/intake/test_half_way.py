# SPDX-License-Identifier: Apache-2.0
"""An incident that an earlier attempt left half-way: nothing is forgotten, nothing acts on stale leave."""

from __future__ import annotations

import pytest

from functions.incident.model import State
from functions.intake.result import Outcome
from hub.simulation.errors import Crash
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.scenario import INSTANCE, Scenario, instance

OTHER = "i-0a1b2c3d4e5f60719"
THROTTLED_SNAPSHOTS = ("ec2:CreateSnapshots=RequestLimitExceeded", "ec2:CreateSnapshot=RequestLimitExceeded")
EXFILTRATION = "Trojan:EC2/DNSDataExfiltration"


def groups(scenario: Scenario, name: str = INSTANCE) -> list[list[str]]:
    return [list(eni["groups"]) for eni in scenario.host(name)["enis"]]


def half_way(scenario: Scenario) -> list[list[str]]:
    """Leave an incident isolated but without snapshots, its message among the dead letters."""
    before = groups(scenario)
    scenario.inject_faults(*THROTTLED_SNAPSHOTS)
    (handed,) = scenario.hand_over(asff())
    assert handed.delivered.dead_lettered
    assert scenario.incident.state is State.PARTIAL
    assert groups(scenario) != before
    scenario.inject_faults()
    return before


def test_a_thrown_kill_switch_holds_for_what_was_decided_before_it(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance())
    scenario.inject_faults("sts:AssumeRole=AccessDenied")
    scenario.hand_over(asff())
    assert scenario.incident.state is State.FAILED
    scenario.inject_faults()
    scenario.control({"switched_off": {"organization"}})
    world = scenario.simulation.world()
    (result,) = scenario.deliver(asff(finding="b" * 32))
    assert result.outcome is Outcome.OBSERVED
    assert "switched off for the organisation" in result.reason
    assert scenario.simulation.world() == world


def test_a_host_that_was_isolated_before_the_switch_can_still_be_released(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance())
    before = half_way(scenario)
    scenario.control({"switched_off": {"organization"}})
    scenario.deliver(asff(finding="b" * 32))
    assert scenario.incident.state is State.PARTIAL
    assert "stopped half-way" in scenario.incident.reason
    assert scenario.deployment.release(scenario.incident.id).state is State.RELEASED
    assert groups(scenario) == before


def test_the_role_refused_after_the_host_was_isolated_loses_nothing(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance())
    before = half_way(scenario)
    scenario.inject_faults("sts:AssumeRole=AccessDenied")
    scenario.hand_over(asff(finding="b" * 32))
    assert scenario.incident.state is State.PARTIAL
    scenario.inject_faults()
    scenario.deployment.release(scenario.incident.id)
    assert groups(scenario) == before


def test_a_policy_that_breaks_meanwhile_is_told_and_nothing_is_done(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance())
    half_way(scenario)
    scenario.control({"bundle": "0" * 64})
    world = scenario.simulation.world()
    (result,) = scenario.deliver(asff(finding="b" * 32))
    assert "no valid policy" in result.reason
    assert scenario.incident.state is State.PARTIAL
    assert scenario.simulation.world() == world


def test_a_host_that_keeps_failing_does_not_keep_the_others_waiting(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(), instance(OTHER, vpc="other"))
    scenario.inject_faults("ec2:CreateTags=RequestLimitExceeded*40")
    (handed,) = scenario.hand_over(asff(instances=[INSTANCE, OTHER]))
    assert handed.delivered.receives > 1
    quarantine = {each["id"] for each in scenario.simulation.world()["security_groups"] if "quarantine" in each["name"]}
    assert all(group in quarantine for name in (INSTANCE, OTHER) for [group] in groups(scenario, name))


def test_exfiltration_by_dns_makes_a_contained_host_partial(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance())
    scenario.deliver(asff())
    assert scenario.incident.state is State.CONTAINED
    (result,) = scenario.deliver(asff(EXFILTRATION, finding="b" * 32))
    assert result.outcome is Outcome.MERGED
    assert scenario.incident.state is State.PARTIAL
    assert "DNS" in scenario.incident.reason
    assert len(scenario.simulation.world()["snapshots"]) == 1


def test_new_activity_on_a_host_whose_release_died_is_put_before_people(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance())
    scenario.deliver(asff())
    incident = scenario.incident.id
    scenario.inject_faults("ec2:ModifyInstanceAttribute=crash-after")
    with pytest.raises(Crash):
        scenario.deployment.release(incident)
    scenario.inject_faults()
    assert scenario.incident.state is State.RELEASING
    scenario.simulation.clock.sleep(3600)
    active = {"UpdatedAt": "2026-03-02T12:00:00Z", "LastObservedAt": "2026-03-02T12:00:00Z"}
    (result,) = scenario.deliver(asff(finding="b" * 32, **active))
    assert result.outcome is Outcome.AWAITING_APPROVAL
    assert scenario.incident.id == incident
    assert scenario.deployment.release(incident).state is State.RELEASED


def test_the_first_event_s_time_counts_however_long_it_took(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance())
    scenario.inject_faults("sts:AssumeRole=AccessDenied")
    scenario.hand_over(asff())
    received = scenario.incident.clocks["received"]
    scenario.inject_faults()
    scenario.simulation.clock.sleep(4 * 3600)
    scenario.deliver(asff(finding="b" * 32))
    assert scenario.incident.state is State.CONTAINED
    assert scenario.incident.clocks["received"] == received
