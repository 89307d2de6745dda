# SPDX-License-Identifier: Apache-2.0
"""Whose account: members alone, kill switches, and the accounts that are never above observe."""

from __future__ import annotations

import pytest

from functions.intake.result import Outcome
from functions.organization.directory import Directory, object_key
from hub.simulation.world_spec import Account
from tests.conftest import Simulated
from tests.finding.findings import asff, native
from tests.intake.policies import policy
from tests.stage import ACCOUNT, ACCOUNTS, INSTANCE, Stage, instance

STRANGER = "888899990000"
NEWCOMER = "777788889999"


def member_calls(stage: Stage) -> list[str]:
    return [call["operation"] for call in stage.calls() if call["service"] in {"sts", "ec2"}]


def publish_directory(stage: Stage, accounts: dict[str, str]) -> None:
    directory = Directory(stage.simulation.spec.organization.id, accounts)
    hub = stage.hub().clients.hub("s3")
    bucket = stage.deployment.settings.policy_bucket
    hub.put_object(Bucket=bucket, Key=object_key(directory.digest), Body=directory.dumps())
    stage.control({"directory": directory.digest})


def test_a_stranger_is_rejected_and_no_role_is_assumed(simulated: Simulated) -> None:
    stage = simulated()
    results = stage.deliver(asff(account=STRANGER), native(account=STRANGER))
    assert {each.outcome for each in results} == {Outcome.REJECTED}
    assert all(f"{STRANGER} does not belong to organisation o-exampleorgid" in each.reason for each in results)
    assert member_calls(stage) == []
    assert stage.deployment.incidents() == []


def test_an_account_that_the_directory_lacks_is_looked_up_once(simulated: Simulated) -> None:
    accounts = {**ACCOUNTS, NEWCOMER: Account("new", "/Workloads/Prod")}
    hosts = [instance(account=NEWCOMER), instance("i-0000000000000002", account=NEWCOMER)]
    stage = simulated(*hosts, accounts=accounts, warm=False)
    publish_directory(stage, {ACCOUNT: "/Workloads/Prod"})
    first, second = stage.deliver(
        asff(account=NEWCOMER), asff(account=NEWCOMER, finding="b" * 32, instances=["i-0000000000000002"])
    )
    # Its OU's policy at once: production asks.
    assert (first.outcome, second.outcome) == (Outcome.AWAITING_APPROVAL, Outcome.AWAITING_APPROVAL)
    assert len(stage.calls("DescribeAccount")) == 1


def test_without_any_directory_every_account_is_looked_up(simulated: Simulated) -> None:
    stage = simulated(warm=False)
    publish_directory(stage, {})
    (result,) = stage.deliver(asff())
    assert result.outcome is Outcome.ACTED


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"schema": 9}', b'{"schema": 1, "accounts": []}', None])
def test_with_a_broken_directory_nothing_is_touched(simulated: Simulated, data: bytes | None) -> None:
    stage = simulated(warm=False)
    if data is not None:
        key = object_key("5" * 64)
        stage.hub().clients.hub("s3").put_object(Bucket=stage.deployment.settings.policy_bucket, Key=key, Body=data)
    stage.control({"directory": "5" * 64})
    world = stage.simulation.world()
    (result,) = stage.deliver(asff())
    assert result.outcome is Outcome.OBSERVED
    assert "directory" in result.reason
    assert stage.simulation.world() == world


def test_when_organizations_can_not_be_asked_nothing_is_proven(simulated: Simulated) -> None:
    stage = simulated(warm=False, faults=["organizations:DescribeAccount=AccessDeniedException"])
    publish_directory(stage, {})
    (handed,) = stage.hand_over(asff())
    assert handed.delivered.dead_lettered
    assert member_calls(stage) == []


SWITCHES = {
    "organisation": (["organization"], "the organisation"),
    "the root": (["/"], "OU /"),
    "an OU above": (["/Workloads"], "OU /Workloads"),
    "its OU": (["/Workloads/Prod"], "OU /Workloads/Prod"),
    "the account": ([ACCOUNT], f"account {ACCOUNT}"),
}


@pytest.mark.parametrize("case", SWITCHES)
@pytest.mark.parametrize("warm", [True, False])
def test_a_kill_switch_stops_acting_and_not_telling(simulated: Simulated, case: str, *, warm: bool) -> None:
    scopes, words = SWITCHES[case]
    stage = simulated(warm=warm)
    stage.deployment.switch_off(scopes)
    world = stage.simulation.world()
    (result,) = stage.deliver(asff())
    assert result.outcome is Outcome.OBSERVED
    assert f"containment is switched off for {words}" in result.reason
    assert stage.simulation.world() == world
    assert stage.incident.plan
    assert len(stage.deployment.notifications()) == 1


@pytest.mark.parametrize("scopes", [["/Workloads/Production"], ["/Work"], ["555566667777"], ["/Security"], []])
def test_somebody_elses_kill_switch_stops_nothing(simulated: Simulated, scopes: list[str]) -> None:
    stage = simulated()
    stage.deployment.switch_off(["organization"])
    stage.deployment.switch_off(scopes) if scopes else stage.control({"switched_off": {"none"}})
    (result,) = stage.deliver(asff())
    assert result.outcome is Outcome.ACTED


@pytest.mark.parametrize("account", ["111111111111", "222222222222"], ids=["hub", "forensics"])
def test_the_hub_and_the_forensics_account_are_never_above_observe(simulated: Simulated, account: str) -> None:
    stage = simulated(instance(account=account), bundle=policy())
    world = stage.simulation.world()
    (result,) = stage.deliver(asff(account=account))
    assert result.outcome is Outcome.OBSERVED
    assert stage.incident.rule == "command-and-control"  # which enforces
    assert stage.simulation.world() == world
    assert stage.incident.target.instance == INSTANCE
