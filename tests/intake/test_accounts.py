# SPDX-License-Identifier: Apache-2.0
"""Whose account: members alone, kill switches, and the accounts that are never above observe."""

from __future__ import annotations

import pytest

from functions.intake.result import Outcome
from functions.organization.directory import Directory, object_key
from hub.simulation.world_spec import AccountSpec
from tests.conftest import NewScenario
from tests.finding.findings import asff, native
from tests.intake.policies import policy
from tests.scenario import ACCOUNT, ACCOUNTS, INSTANCE, Scenario, instance

STRANGER = "888899990000"
NEWCOMER = "777788889999"


def member_calls(scenario: Scenario) -> list[str]:
    return [call["operation"] for call in scenario.calls() if call["service"] in {"sts", "ec2"}]


def publish_directory(scenario: Scenario, accounts: dict[str, str]) -> None:
    directory = Directory(scenario.simulation.spec.organization.id, accounts)
    s3 = scenario.services().clients.hub("s3")
    bucket = scenario.deployment.settings.policy_bucket
    s3.put_object(Bucket=bucket, Key=object_key(directory.digest), Body=directory.dumps())
    scenario.control({"directory": directory.digest})


def test_a_stranger_is_rejected_and_no_role_is_assumed(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    results = scenario.deliver(asff(account=STRANGER), native(account=STRANGER))
    assert {each.outcome for each in results} == {Outcome.REJECTED}
    assert all(f"{STRANGER} does not belong to organisation o-exampleorgid" in each.reason for each in results)
    assert member_calls(scenario) == []
    assert scenario.deployment.incidents() == []


def test_an_account_that_the_directory_lacks_is_looked_up_once(new_scenario: NewScenario) -> None:
    accounts = {**ACCOUNTS, NEWCOMER: AccountSpec("new", "/Workloads/Prod")}
    hosts = [instance(account=NEWCOMER), instance("i-0000000000000002", account=NEWCOMER)]
    scenario = new_scenario(*hosts, accounts=accounts, warm=False)
    publish_directory(scenario, {ACCOUNT: "/Workloads/Prod"})
    first, second = scenario.deliver(
        asff(account=NEWCOMER), asff(account=NEWCOMER, finding="b" * 32, instances=["i-0000000000000002"])
    )
    # Its OU's policy at once: production asks.
    assert (first.outcome, second.outcome) == (Outcome.AWAITING_APPROVAL, Outcome.AWAITING_APPROVAL)
    assert len(scenario.calls("DescribeAccount")) == 1


def test_without_any_directory_every_account_is_looked_up(new_scenario: NewScenario) -> None:
    scenario = new_scenario(warm=False)
    publish_directory(scenario, {})
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.ACTED


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"schema": 9}', b'{"schema": 1, "accounts": []}', None])
def test_with_a_broken_directory_nothing_is_touched(new_scenario: NewScenario, data: bytes | None) -> None:
    scenario = new_scenario(warm=False)
    if data is not None:
        key = object_key("5" * 64)
        scenario.services().clients.hub("s3").put_object(
            Bucket=scenario.deployment.settings.policy_bucket, Key=key, Body=data
        )
    scenario.control({"directory": "5" * 64})
    world = scenario.simulation.world()
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.OBSERVED
    assert "directory" in result.reason
    assert scenario.simulation.world() == world


def test_when_organizations_can_not_be_asked_nothing_is_proven(new_scenario: NewScenario) -> None:
    scenario = new_scenario(warm=False, faults=["organizations:DescribeAccount=AccessDeniedException"])
    publish_directory(scenario, {})
    (handed,) = scenario.hand_over(asff())
    assert handed.delivered.dead_lettered
    assert member_calls(scenario) == []


SWITCHES = {
    "organisation": (["organization"], "the organisation"),
    "the root": (["/"], "OU /"),
    "an OU above": (["/Workloads"], "OU /Workloads"),
    "its OU": (["/Workloads/Prod"], "OU /Workloads/Prod"),
    "the account": ([ACCOUNT], f"account {ACCOUNT}"),
}


@pytest.mark.parametrize("case", SWITCHES)
@pytest.mark.parametrize("warm", [True, False])
def test_a_kill_switch_stops_acting_and_not_telling(new_scenario: NewScenario, case: str, *, warm: bool) -> None:
    scopes, words = SWITCHES[case]
    scenario = new_scenario(warm=warm)
    scenario.deployment.switch_off(scopes)
    world = scenario.simulation.world()
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.OBSERVED
    assert f"containment is switched off for {words}" in result.reason
    assert scenario.simulation.world() == world
    assert scenario.incident.plan
    assert len(scenario.deployment.notifications()) == 1


@pytest.mark.parametrize("scopes", [["/Workloads/Production"], ["/Work"], ["555566667777"], ["/Security"], []])
def test_somebody_elses_kill_switch_stops_nothing(new_scenario: NewScenario, scopes: list[str]) -> None:
    scenario = new_scenario()
    scenario.deployment.switch_off(["organization"])
    scenario.deployment.switch_off(scopes) if scopes else scenario.control({"switched_off": {"none"}})
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.ACTED


@pytest.mark.parametrize("account", ["111111111111", "222222222222"], ids=["hub", "forensics"])
def test_the_hub_and_the_forensics_account_are_never_above_observe(new_scenario: NewScenario, account: str) -> None:
    scenario = new_scenario(instance(account=account), bundle=policy())
    world = scenario.simulation.world()
    (result,) = scenario.deliver(asff(account=account))
    assert result.outcome is Outcome.OBSERVED
    assert scenario.incident.rule == "command-and-control"  # which enforces
    assert scenario.simulation.world() == world
    assert scenario.incident.target.instance == INSTANCE
