# SPDX-License-Identifier: Apache-2.0
"""Where a release meets work that isn't over: nothing waiting is thrown away, nothing of the host is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from functions.incident.model import State
from functions.intake.result import Outcome
from functions.release.release import ReleaseError
from functions.steps import protect
from tests.conftest import Simulated
from tests.finding.findings import asff
from tests.stage import INSTANCE, Stage, instance

OTHER = "i-0a1b2c3d4e5f60719"
LATER = {"UpdatedAt": "2026-03-02T12:00:00Z", "LastObservedAt": "2026-03-02T12:00:00Z"}
HOUR = 3600


def groups(stage: Stage, name: str = INSTANCE) -> list[list[str]]:
    return [list(eni["groups"]) for eni in stage.host(name)["enis"]]


def test_a_release_that_is_refused_leaves_the_waiting_work_waiting(simulated: Simulated) -> None:
    stage = simulated(instance())
    before = groups(stage)
    stage.meet("ec2:ModifyNetworkInterfaceAttribute=RequestLimitExceeded")
    stage.hand_over(asff())
    assert stage.incident.state is State.FAILED
    stage.meet("sts:AssumeRole=AccessDenied")
    with pytest.raises(ReleaseError):
        stage.deployment.release(stage.incident.id)
    stage.meet()
    (result,) = stage.deliver(asff())
    assert result.outcome is Outcome.ACTED
    assert groups(stage) != before


def test_a_group_that_was_worn_when_the_process_died_is_known_at_release(simulated: Simulated) -> None:
    stage = simulated(instance(), faults=["sns:Publish=crash-before*5"])
    before = groups(stage)
    (handed,) = stage.hand_over(asff())
    assert handed.delivered.dead_lettered
    assert groups(stage) != before
    stage.simulation.clock.sleep(HOUR)
    assert stage.deployment.release(stage.incident.id).state is State.RELEASED
    assert groups(stage) == before


def test_protection_that_a_dying_try_set_is_taken_off_again(simulated: Simulated) -> None:
    stage = simulated(instance())
    before = stage.host()
    stage.meet("ec2:ModifyInstanceAttribute=RequestLimitExceeded*16", "ec2:DescribeTags=crash-before*4")
    stage.hand_over(asff())
    stage.meet()
    stage.simulation.clock.sleep(HOUR)
    assert stage.deployment.release(stage.incident.id).state is State.RELEASED
    assert stage.host() == before


@pytest.mark.parametrize("between", ["role refused", "switched off"])
def test_new_activity_after_half_a_release_ends_before_people(simulated: Simulated, between: str) -> None:
    stage = simulated(instance())
    stage.deliver(asff())
    stage.meet("ec2:ModifyInstanceAttribute=RequestLimitExceeded")
    assert stage.deployment.release(stage.incident.id).state is State.RELEASING
    stage.simulation.clock.sleep(HOUR)
    stage.meet(*(["sts:AssumeRole=AccessDenied"] if between == "role refused" else []))
    stage.control({"switched_off": {"organization"} if between == "switched off" else {"nothing"}})
    stage.hand_over(asff(finding="b" * 32, **LATER))
    stage.meet()
    stage.control({"switched_off": {"nothing"}})
    stage.deliver(asff(finding="c" * 32, **LATER))
    assert stage.incident.state is State.AWAITING_APPROVAL
    assert stage.deployment.release(stage.incident.id).state is State.RELEASED


def test_activity_under_the_lease_of_a_release_opens_a_new_episode_afterwards(simulated: Simulated) -> None:
    stage = simulated(instance())
    stage.deliver(asff())
    first = stage.incident.id
    stage.meet("sns:Publish=crash-before")  # dies with the lease in hand, the host put back
    with pytest.raises(BaseException, match="died"):
        stage.deployment.release(first)
    stage.meet()
    (result,) = stage.deliver(asff(finding="b" * 32, **LATER))
    assert result.outcome is Outcome.AWAITING_APPROVAL


def test_a_mistake_about_one_host_does_not_keep_the_others_waiting(
    simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    from functions.containment import look  # noqa: PLC0415 — patched here alone

    described = look.describe

    def describe(ec2: Any, pool: Any, target: Any) -> Any:
        if target.instance == INSTANCE:
            raise KeyError("State")
        return described(ec2, pool, target)

    monkeypatch.setattr(look, "describe", describe)
    stage = simulated(instance(), instance(OTHER))
    before = groups(stage, OTHER)
    stage.hand_over(asff(instances=[INSTANCE, OTHER]))
    assert groups(stage, OTHER) != before


def test_a_mistake_in_one_step_does_not_keep_the_others_from_being_put_back(
    simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = simulated(instance())
    before = stage.host()
    stage.deliver(asff())

    def broken(_: object) -> Mapping[str, Any]:
        raise KeyError("Value")

    with monkeypatch.context() as patch:
        patch.setattr(protect, "observe", broken)
        assert stage.deployment.release(stage.incident.id).state is State.RELEASING
    assert stage.host()["tags"] == before["tags"]
    assert groups(stage) == [list(eni["groups"]) for eni in before["enis"]]
    assert stage.deployment.release(stage.incident.id).state is State.RELEASED
    assert stage.host() == before


def test_what_could_not_be_kept_or_told_is_in_the_record(simulated: Simulated) -> None:
    stage = simulated(instance())
    stage.meet("s3:PutObject=AccessDenied", "sns:Publish=AuthorizationError")
    stage.deliver(asff())
    assert stage.incident.state is State.PARTIAL  # no piece that was captured could be kept either
    assert "the raw event was not kept" in stage.incident.reason
    assert "people could not be told" in stage.incident.reason
