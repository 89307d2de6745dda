# SPDX-License-Identifier: Apache-2.0
"""An incident that an earlier attempt left half-way: nothing is forgotten, nothing acts on stale leave."""

from __future__ import annotations

import pytest

from functions.incident.model import State
from functions.intake.result import Outcome
from hub.simulation.errors import Crash
from tests.conftest import Simulated
from tests.finding.findings import asff
from tests.stage import INSTANCE, Stage, instance

OTHER = "i-0a1b2c3d4e5f60719"
THROTTLED_SNAPSHOTS = ("ec2:CreateSnapshots=RequestLimitExceeded", "ec2:CreateSnapshot=RequestLimitExceeded")
EXFILTRATION = "Trojan:EC2/DNSDataExfiltration"


def groups(stage: Stage, name: str = INSTANCE) -> list[list[str]]:
    return [list(eni["groups"]) for eni in stage.host(name)["enis"]]


def half_way(stage: Stage) -> list[list[str]]:
    """Leave an incident isolated but without snapshots, its message among the dead letters."""
    before = groups(stage)
    stage.meet(*THROTTLED_SNAPSHOTS)
    (handed,) = stage.hand_over(asff())
    assert handed.delivered.dead_lettered
    assert stage.incident.state is State.PARTIAL
    assert groups(stage) != before
    stage.meet()
    return before


def test_a_thrown_kill_switch_holds_for_what_was_decided_before_it(simulated: Simulated) -> None:
    stage = simulated(instance())
    stage.meet("sts:AssumeRole=AccessDenied")
    stage.hand_over(asff())
    assert stage.incident.state is State.FAILED
    stage.meet()
    stage.control({"switched_off": {"organization"}})
    world = stage.simulation.world()
    (result,) = stage.deliver(asff(finding="b" * 32))
    assert result.outcome is Outcome.OBSERVED
    assert "switched off for the organisation" in result.reason
    assert stage.simulation.world() == world


def test_a_host_that_was_isolated_before_the_switch_can_still_be_released(simulated: Simulated) -> None:
    stage = simulated(instance())
    before = half_way(stage)
    stage.control({"switched_off": {"organization"}})
    stage.deliver(asff(finding="b" * 32))
    assert stage.incident.state is State.PARTIAL
    assert "stopped half-way" in stage.incident.reason
    assert stage.deployment.release(stage.incident.id).state is State.RELEASED
    assert groups(stage) == before


def test_the_role_refused_after_the_host_was_isolated_loses_nothing(simulated: Simulated) -> None:
    stage = simulated(instance())
    before = half_way(stage)
    stage.meet("sts:AssumeRole=AccessDenied")
    stage.hand_over(asff(finding="b" * 32))
    assert stage.incident.state is State.PARTIAL
    stage.meet()
    stage.deployment.release(stage.incident.id)
    assert groups(stage) == before


def test_a_policy_that_breaks_meanwhile_is_told_and_nothing_is_done(simulated: Simulated) -> None:
    stage = simulated(instance())
    half_way(stage)
    stage.control({"bundle": "0" * 64})
    world = stage.simulation.world()
    (result,) = stage.deliver(asff(finding="b" * 32))
    assert "no valid policy" in result.reason
    assert stage.incident.state is State.PARTIAL
    assert stage.simulation.world() == world


def test_a_host_that_keeps_failing_does_not_keep_the_others_waiting(simulated: Simulated) -> None:
    stage = simulated(instance(), instance(OTHER, vpc="other"))
    stage.meet("ec2:CreateTags=RequestLimitExceeded*40")
    (handed,) = stage.hand_over(asff(instances=[INSTANCE, OTHER]))
    assert handed.delivered.receives > 1
    quarantine = {each["id"] for each in stage.simulation.world()["security_groups"] if "quarantine" in each["name"]}
    assert all(group in quarantine for name in (INSTANCE, OTHER) for [group] in groups(stage, name))


def test_exfiltration_by_dns_makes_a_contained_host_partial(simulated: Simulated) -> None:
    stage = simulated(instance())
    stage.deliver(asff())
    assert stage.incident.state is State.CONTAINED
    (result,) = stage.deliver(asff(EXFILTRATION, finding="b" * 32))
    assert result.outcome is Outcome.MERGED
    assert stage.incident.state is State.PARTIAL
    assert "DNS" in stage.incident.reason
    assert len(stage.simulation.world()["snapshots"]) == 1


def test_new_activity_on_a_host_whose_release_died_is_put_before_people(simulated: Simulated) -> None:
    stage = simulated(instance())
    stage.deliver(asff())
    incident = stage.incident.id
    stage.meet("ec2:ModifyInstanceAttribute=crash-after")
    with pytest.raises(Crash):
        stage.deployment.release(incident)
    stage.meet()
    assert stage.incident.state is State.RELEASING
    stage.simulation.clock.sleep(3600)
    active = {"UpdatedAt": "2026-03-02T12:00:00Z", "LastObservedAt": "2026-03-02T12:00:00Z"}
    (result,) = stage.deliver(asff(finding="b" * 32, **active))
    assert result.outcome is Outcome.AWAITING_APPROVAL
    assert stage.incident.id == incident
    assert stage.deployment.release(incident).state is State.RELEASED


def test_the_first_event_s_time_counts_however_long_it_took(simulated: Simulated) -> None:
    stage = simulated(instance())
    stage.meet("sts:AssumeRole=AccessDenied")
    stage.hand_over(asff())
    received = stage.incident.clocks["received"]
    stage.meet()
    stage.simulation.clock.sleep(4 * 3600)
    stage.deliver(asff(finding="b" * 32))
    assert stage.incident.state is State.CONTAINED
    assert stage.incident.clocks["received"] == received
