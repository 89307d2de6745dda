# SPDX-License-Identifier: Apache-2.0
"""Where a release meets work that isn't over: nothing waiting is thrown away, nothing of the host is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from functions.incident.model import State
from functions.intake.result import Outcome
from functions.release.release import ReleaseError
from functions.steps.evidence import protect
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.scenario import INSTANCE, Scenario, instance

OTHER = "i-0a1b2c3d4e5f60719"
LATER = {"UpdatedAt": "2026-03-02T12:00:00Z", "LastObservedAt": "2026-03-02T12:00:00Z"}
HOUR = 3600


def groups(scenario: Scenario, name: str = INSTANCE) -> list[list[str]]:
    return [list(eni["groups"]) for eni in scenario.host(name)["enis"]]


def test_a_release_that_is_refused_leaves_the_waiting_work_waiting(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance())
    before = groups(scenario)
    scenario.inject_faults("ec2:ModifyNetworkInterfaceAttribute=RequestLimitExceeded")
    scenario.hand_over(asff())
    assert scenario.incident.state is State.FAILED
    scenario.inject_faults("sts:AssumeRole=AccessDenied")
    with pytest.raises(ReleaseError):
        scenario.deployment.release(scenario.incident.id)
    scenario.inject_faults()
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.ACTED
    assert groups(scenario) != before


def test_a_group_that_was_worn_when_the_process_died_is_known_at_release(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(), faults=["sns:Publish=crash-before*5"])
    before = groups(scenario)
    (handed,) = scenario.hand_over(asff())
    assert handed.delivered.dead_lettered
    assert groups(scenario) != before
    scenario.simulation.clock.sleep(HOUR)
    assert scenario.deployment.release(scenario.incident.id).state is State.RELEASED
    assert groups(scenario) == before


def test_protection_that_a_dying_try_set_is_taken_off_again(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance())
    before = scenario.host()
    scenario.inject_faults("ec2:ModifyInstanceAttribute=RequestLimitExceeded*16", "ec2:DescribeTags=crash-before*4")
    scenario.hand_over(asff())
    scenario.inject_faults()
    scenario.simulation.clock.sleep(HOUR)
    assert scenario.deployment.release(scenario.incident.id).state is State.RELEASED
    assert scenario.host() == before


@pytest.mark.parametrize("between", ["role refused", "switched off"])
def test_new_activity_after_half_a_release_ends_before_people(new_scenario: NewScenario, between: str) -> None:
    scenario = new_scenario(instance())
    scenario.deliver(asff())
    scenario.inject_faults("ec2:ModifyInstanceAttribute=RequestLimitExceeded")
    assert scenario.deployment.release(scenario.incident.id).state is State.RELEASING
    scenario.simulation.clock.sleep(HOUR)
    scenario.inject_faults(*(["sts:AssumeRole=AccessDenied"] if between == "role refused" else []))
    scenario.control({"switched_off": {"organization"} if between == "switched off" else {"nothing"}})
    scenario.hand_over(asff(finding="b" * 32, **LATER))
    scenario.inject_faults()
    scenario.control({"switched_off": {"nothing"}})
    scenario.deliver(asff(finding="c" * 32, **LATER))
    assert scenario.incident.state is State.AWAITING_APPROVAL
    assert scenario.deployment.release(scenario.incident.id).state is State.RELEASED


def test_activity_under_the_lease_of_a_release_opens_a_new_episode_afterwards(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance())
    scenario.deliver(asff())
    first = scenario.incident.id
    scenario.inject_faults("sns:Publish=crash-before")  # dies with the lease in hand, the host put back
    with pytest.raises(BaseException, match="died"):
        scenario.deployment.release(first)
    scenario.inject_faults()
    (result,) = scenario.deliver(asff(finding="b" * 32, **LATER))
    assert result.outcome is Outcome.AWAITING_APPROVAL


def test_a_mistake_about_one_host_does_not_keep_the_others_waiting(
    new_scenario: NewScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    from functions.containment import observation

    described = observation.describe

    def describe(ec2: Any, pool: Any, target: Any) -> Any:
        if target.instance == INSTANCE:
            raise KeyError("State")
        return described(ec2, pool, target)

    monkeypatch.setattr(observation, "describe", describe)
    scenario = new_scenario(instance(), instance(OTHER))
    before = groups(scenario, OTHER)
    scenario.hand_over(asff(instances=[INSTANCE, OTHER]))
    assert groups(scenario, OTHER) != before


def test_a_mistake_in_one_step_does_not_keep_the_others_from_being_put_back(
    new_scenario: NewScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = new_scenario(instance())
    before = scenario.host()
    scenario.deliver(asff())

    def broken(_: object) -> Mapping[str, Any]:
        raise KeyError("Value")

    with monkeypatch.context() as patch:
        patch.setattr(protect, "observe", broken)
        assert scenario.deployment.release(scenario.incident.id).state is State.RELEASING
    assert scenario.host()["tags"] == before["tags"]
    assert groups(scenario) == [list(eni["groups"]) for eni in before["enis"]]
    assert scenario.deployment.release(scenario.incident.id).state is State.RELEASED
    assert scenario.host() == before


def test_what_could_not_be_kept_or_told_is_in_the_record(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance())
    scenario.inject_faults("s3:PutObject=AccessDenied", "sns:Publish=AuthorizationError")
    scenario.deliver(asff())
    assert scenario.incident.state is State.PARTIAL  # no piece that was captured could be kept either
    assert "the raw event was not kept" in scenario.incident.reason
    assert "people could not be told" in scenario.incident.reason
