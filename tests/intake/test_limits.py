# SPDX-License-Identifier: Apache-2.0
"""How much may be contained without asking."""

from __future__ import annotations

import pytest

from functions.incident.items import to_item, usage_key
from functions.intake.result import Outcome
from functions.organization.control import ORGANIZATION
from hub.simulation.world_spec import ScalingGroup
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.scenario import ACCOUNT, Scenario, instance

HOSTS = [f"i-{number:017x}" for number in range(1, 5)]


def finding(number: int) -> dict[str, object]:
    return asff(finding=f"{number:032x}", instances=[HOSTS[number]])


def count(scenario: Scenario, scope: str, used: int) -> None:
    item = {**usage_key(scope, scenario.simulation.clock.now()), "containments": used}
    scenario.services().clients.hub("dynamodb").put_item(
        TableName=scenario.deployment.settings.table, Item=to_item(item)
    )


def test_the_eleventh_in_an_hour_asks_and_the_next_hour_acts(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*[instance(name) for name in HOSTS[:4]])
    count(scenario, ACCOUNT, 8)
    results = scenario.deliver(*[finding(number) for number in range(3)])
    assert [each.outcome for each in results] == [Outcome.ACTED] * 2 + [Outcome.AWAITING_APPROVAL]
    assert "limit of 10 containments an hour" in results[-1].reason
    assert len(scenario.simulation.world()["snapshots"]) == 2
    assert {eni["groups"][0] for eni in scenario.host(HOSTS[2])["enis"]} == {scenario.group("app")}
    scenario.simulation.clock.sleep(3600)
    (later,) = scenario.deliver(finding(3))
    assert later.outcome is Outcome.ACTED


def test_a_host_in_hand_uses_the_limit_once(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(HOSTS[0]), instance(HOSTS[1]), faults=["ec2:CreateTags=InternalError*4"])
    count(scenario, ACCOUNT, 8)
    (handed,) = scenario.hand_over(finding(0))
    assert handed.delivered.receives > 1
    (result,) = scenario.deliver(finding(1))
    assert result.outcome is Outcome.ACTED  # the tenth


def test_the_organisations_ceiling_is_outside_any_policy(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(HOSTS[0]))
    count(scenario, ORGANIZATION, scenario.deployment.settings.ceiling_per_hour)
    world = scenario.simulation.world()
    (result,) = scenario.deliver(finding(0))
    assert result.outcome is Outcome.AWAITING_APPROVAL
    assert "organisation's ceiling of 50" in result.reason
    assert scenario.simulation.world() == world


@pytest.mark.parametrize("used", [1, 2])
def test_a_scaling_group_has_a_limit_of_its_own(new_scenario: NewScenario, used: int) -> None:
    scenario = new_scenario(
        *[instance(name, scaling_group=ScalingGroup("web", max=9, desired=3)) for name in HOSTS[:3]]
    )
    results = scenario.deliver(*[finding(number) for number in range(3)])
    assert [each.outcome for each in results[: used + 1]] == [Outcome.ACTED] * 2 + [Outcome.AWAITING_APPROVAL] * (
        used - 1
    )
    if used == 2:
        assert "'web'" in results[2].reason


def test_two_scaling_groups_do_not_share_a_limit(new_scenario: NewScenario) -> None:
    hosts = [
        instance(name, scaling_group=ScalingGroup("web" if at < 2 else "app", max=9, desired=4))
        for at, name in enumerate(HOSTS[:4])
    ]
    results = new_scenario(*hosts).deliver(*[finding(number) for number in range(4)])
    assert [each.outcome for each in results] == [Outcome.ACTED] * 4


def test_a_limit_that_others_use_up_in_between_asks_too(new_scenario: NewScenario) -> None:
    """Counted again with the baseline: what was read before may be old by then."""
    scenario = new_scenario(instance(HOSTS[0]))
    count(scenario, ACCOUNT, 9)
    events = scenario.clients.hub("dynamodb").meta.events

    def meanwhile(params: object, **_: object) -> None:
        del params
        with scenario.simulation.unrecorded():
            count(scenario, ACCOUNT, 10)

    events.register("before-call.dynamodb.TransactWriteItems", meanwhile)
    (result,) = scenario.deliver(finding(0))
    assert result.outcome is Outcome.AWAITING_APPROVAL
    assert ACCOUNT in result.reason
    assert {eni["groups"][0] for eni in scenario.host(HOSTS[0])["enis"]} == {scenario.group("app")}
    assert scenario.simulation.world()["snapshots"] == []
    assert scenario.incident.baseline == {}
