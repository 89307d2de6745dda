# SPDX-License-Identifier: Apache-2.0
"""How much may be contained without asking."""

from __future__ import annotations

import pytest

from functions.incident.items import to_item, usage_key
from functions.intake.result import Outcome
from functions.organization.control import ORGANIZATION
from hub.simulation.world_spec import ScalingGroup
from tests.conftest import Simulated
from tests.finding.findings import asff
from tests.stage import ACCOUNT, Stage, instance

HOSTS = [f"i-{number:017x}" for number in range(1, 5)]


def finding(number: int) -> dict[str, object]:
    return asff(finding=f"{number:032x}", instances=[HOSTS[number]])


def count(stage: Stage, scope: str, used: int) -> None:
    item = {**usage_key(scope, stage.simulation.clock.now()), "containments": used}
    stage.hub().clients.hub("dynamodb").put_item(TableName=stage.deployment.settings.table, Item=to_item(item))


def test_the_eleventh_in_an_hour_asks_and_the_next_hour_acts(simulated: Simulated) -> None:
    stage = simulated(*[instance(name) for name in HOSTS[:4]])
    count(stage, ACCOUNT, 8)
    results = stage.deliver(*[finding(number) for number in range(3)])
    assert [each.outcome for each in results] == [Outcome.ACTED] * 2 + [Outcome.AWAITING_APPROVAL]
    assert "limit of 10 containments an hour" in results[-1].reason
    assert len(stage.simulation.world()["snapshots"]) == 2
    assert {eni["groups"][0] for eni in stage.host(HOSTS[2])["enis"]} == {stage.group("app")}
    stage.simulation.clock.sleep(3600)
    (later,) = stage.deliver(finding(3))
    assert later.outcome is Outcome.ACTED


def test_a_host_in_hand_uses_the_limit_once(simulated: Simulated) -> None:
    stage = simulated(instance(HOSTS[0]), instance(HOSTS[1]), faults=["ec2:CreateTags=InternalError*4"])
    count(stage, ACCOUNT, 8)
    (handed,) = stage.hand_over(finding(0))
    assert handed.delivered.receives > 1
    (result,) = stage.deliver(finding(1))
    assert result.outcome is Outcome.ACTED  # the tenth


def test_the_organisations_ceiling_is_outside_any_policy(simulated: Simulated) -> None:
    stage = simulated(instance(HOSTS[0]))
    count(stage, ORGANIZATION, stage.deployment.settings.ceiling_per_hour)
    world = stage.simulation.world()
    (result,) = stage.deliver(finding(0))
    assert result.outcome is Outcome.AWAITING_APPROVAL
    assert "organisation's ceiling of 50" in result.reason
    assert stage.simulation.world() == world


@pytest.mark.parametrize("used", [1, 2])
def test_a_scaling_group_has_a_limit_of_its_own(simulated: Simulated, used: int) -> None:
    stage = simulated(*[instance(name, scaling_group=ScalingGroup("web", max=9, desired=3)) for name in HOSTS[:3]])
    results = stage.deliver(*[finding(number) for number in range(3)])
    assert [each.outcome for each in results[: used + 1]] == [Outcome.ACTED] * 2 + [Outcome.AWAITING_APPROVAL] * (
        used - 1
    )
    if used == 2:
        assert "'web'" in results[2].reason


def test_two_scaling_groups_do_not_share_a_limit(simulated: Simulated) -> None:
    hosts = [
        instance(name, scaling_group=ScalingGroup("web" if at < 2 else "app", max=9, desired=4))
        for at, name in enumerate(HOSTS[:4])
    ]
    results = simulated(*hosts).deliver(*[finding(number) for number in range(4)])
    assert [each.outcome for each in results] == [Outcome.ACTED] * 4


def test_a_limit_that_others_use_up_in_between_asks_too(simulated: Simulated) -> None:
    """Counted again with the baseline: what was read before may be old by then."""
    stage = simulated(instance(HOSTS[0]))
    count(stage, ACCOUNT, 9)
    events = stage.clients.hub("dynamodb").meta.events

    def meanwhile(params: object, **_: object) -> None:
        del params
        with stage.simulation.backstage():
            count(stage, ACCOUNT, 10)

    events.register("before-call.dynamodb.TransactWriteItems", meanwhile)
    (result,) = stage.deliver(finding(0))
    assert result.outcome is Outcome.AWAITING_APPROVAL
    assert ACCOUNT in result.reason
    assert {eni["groups"][0] for eni in stage.host(HOSTS[0])["enis"]} == {stage.group("app")}
    assert stage.simulation.world()["snapshots"] == []
    assert stage.incident.baseline == {}
