# SPDX-License-Identifier: Apache-2.0
"""IAM users behind a host: restricted, their keys off, and as they began when the last host that they are behind is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from functions.containment.observation import observe_host
from functions.parallel import WORKERS
from functions.steps.iam import users
from functions.steps.registry import STEPS
from hub.simulation.world_spec import User
from tests.finding.findings import asff
from tests.intake.policies import C2, TOR
from tests.scenario import ACCOUNT, INSTANCE, Scenario, instance, open_scenario
from tests.steps.made import bare_task, member
from tests.steps.test_role_denial import OTHER, OTHERS, contain, join_while_slow, left, rules, step, told

ANN = User("ann", ACCOUNT, active_keys=2)
RESTRICTED = {"groups": ["cordon-restricted"], "active_keys": 0}
FREE = {"groups": [], "active_keys": 2}


def user(scenario: Scenario, name: str = "ann") -> Mapping[str, Any]:
    (found,) = [each for each in scenario.simulation.world()["users"] if each["name"] == name]
    return {key: found[key] for key in ("groups", "active_keys")}


def naming(name: str = "ann", *, kind: str = C2, finding: str = "a" * 32) -> dict[str, Any]:
    """Return a finding that names a user's access key beside the host."""
    made = asff(kind, finding=finding)
    key = {"PrincipalType": "IAMUser", "PrincipalName": name, "AccessKeyId": "AKIAEXAMPLE"}
    made["Resources"].append(
        {"Type": "AwsIamAccessKey", "Id": "AWS::IAM::AccessKey:AKIAEXAMPLE", "Details": {"AwsIamAccessKey": key}}
    )
    return made


def test_the_user_of_the_finding_is_restricted_and_free_after_release() -> None:
    with open_scenario(rules(), users=(ANN, User("bob", ACCOUNT))) as scenario:
        scenario.deliver(naming())
        assert user(scenario) == RESTRICTED
        assert user(scenario, "bob") == {"groups": [], "active_keys": 1}
        released = scenario.deployment.release(scenario.incident.id)
        assert user(scenario) == FREE
        assert left(released) == []


def test_a_further_finding_that_names_a_user_is_acted_on_unless_it_is_weaker() -> None:
    with open_scenario(rules(), users=(ANN,)) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        assert told(incident, "users") == "skipped: no IAM user is named"
        assert (incident.state, user(scenario)) == ("contained", FREE)
        scenario.deliver(naming(kind=TOR, finding="b" * 32))
        assert user(scenario) == FREE
        scenario.deliver(naming())
        assert user(scenario) == RESTRICTED
        scenario.deployment.release(scenario.incident.id)
        assert user(scenario) == FREE


def test_a_weaker_finding_in_a_further_try_of_a_stricter_one_restricts_nobody() -> None:
    with open_scenario(rules(), users=(ANN,), faults=["ec2:CreateTags=InternalError"]) as scenario:
        scenario.hand_over(asff(C2))
        assert scenario.incident.state == "partial"
        scenario.inject_faults()
        scenario.deliver(naming(kind=TOR, finding="b" * 32))
        assert user(scenario) == FREE
        found = scenario.incident
        assert "user ann: named only by a finding whose rule is in mode observe" in told(found, "users")
        assert "user-credentials" in found.residual_risk


@pytest.mark.parametrize("first", [0, 1])
def test_a_user_behind_two_hosts_is_freed_with_the_last(first: int) -> None:
    hosts = [INSTANCE, OTHERS[0]]
    with open_scenario(rules("users: [ann]"), *map(instance, hosts), users=(ANN,)) as scenario:
        incidents = contain(scenario, *hosts)
        assert user(scenario) == RESTRICTED
        scenario.deployment.release(incidents[first].id)
        assert user(scenario) == RESTRICTED
        scenario.deployment.release(incidents[1 - first].id)
        assert user(scenario) == FREE


def test_what_was_off_before_stays_off_and_who_was_in_the_group_stays_in_it() -> None:
    with open_scenario(rules("users: [ann]"), users=(ANN,)) as scenario:
        iam = scenario.other_client("iam")
        off = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["AccessKeyId"]
        iam.update_access_key(UserName="ann", AccessKeyId=off, Status="Inactive")
        iam.add_user_to_group(GroupName="cordon-restricted", UserName="ann")
        (incident,) = contain(scenario, INSTANCE)
        assert user(scenario) == RESTRICTED
        scenario.deployment.release(incident.id)
        assert user(scenario) == {"groups": ["cordon-restricted"], "active_keys": 1}


def test_a_key_that_is_gone_is_named() -> None:
    with open_scenario(rules("users: [ann]"), users=(ANN,)) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        iam = scenario.other_client("iam")
        gone = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["AccessKeyId"]
        iam.delete_access_key(UserName="ann", AccessKeyId=gone)
        ((what, reason, _),) = left(scenario.deployment.release(incident.id))
        assert (what, reason) == (f"user ann: key {gone}", "the key no longer exists")
        assert user(scenario) == {"groups": [], "active_keys": 1}


def test_a_user_that_only_a_tag_names_is_left_to_people() -> None:
    with open_scenario(rules("user_tag: owner"), instance(tags={"owner": "ann"}), users=(ANN,)) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        assert told(incident, "users") == (
            "skipped: user ann: only the host's tag owner names this user, and tags can be forged: acted on by "
            "approval alone"
        )
        assert user(scenario) == FREE


def test_a_user_that_does_not_exist_is_a_named_gap() -> None:
    with open_scenario(rules(), users=(ANN,)) as scenario:
        scenario.deliver(naming("eve"))
        assert step(scenario.incident, "users").reason.startswith("user eve: the account has no such IAM user")
        assert scenario.incident.state == "partial"
        assert "user-credentials" in scenario.incident.residual_risk


def test_a_user_that_policy_names_for_many_accounts_need_not_be_in_each() -> None:
    with open_scenario(rules("users: [ann, eve]"), users=(ANN,)) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        assert told(incident, "users") == "done: user eve: the account has no such IAM user"
        assert user(scenario) == RESTRICTED
        assert incident.state == "contained"
        assert "user-credentials" not in incident.residual_risk


def test_a_user_whom_an_earlier_turn_found_and_who_is_gone_now_stays_a_gap() -> None:
    with open_scenario(rules()) as scenario, scenario.simulation.delivering(1):
        who = member(scenario)
        host = observe_host(who, STEPS).host
        assert host is not None
        task = bare_task(who, host, {"users": ["ann", "bob"]}, None, {"users": {"ann": {}}}, resumed=True)
        result = users.apply(replace(task, observation=who.pool.start(partial(users.observe_with_host, task))), None)
        who.pool.close()
    assert [(item.what, item.outcome.value) for item in result.items] == [
        ("user ann", "failed"),
        ("user bob", "skipped"),
    ]


def test_who_dies_half_way_is_resumed_and_the_user_is_as_it_began() -> None:
    with open_scenario(rules(), users=(ANN,), faults=["iam:UpdateAccessKey=crash-after"]) as scenario:
        scenario.deliver(naming())
        assert user(scenario) == RESTRICTED
        scenario.deployment.release(scenario.incident.id)
        assert user(scenario) == FREE


def test_a_release_that_did_not_end_is_run_again() -> None:
    with open_scenario(rules(), users=(ANN,)) as scenario:
        scenario.deliver(naming())
        scenario.inject_faults("iam:UpdateAccessKey=AccessDenied", "iam:RemoveUserFromGroup=AccessDenied")
        assert scenario.deployment.release(scenario.incident.id).state == "releasing"
        assert user(scenario) == RESTRICTED
        scenario.inject_faults()
        assert scenario.deployment.release(scenario.incident.id).state == "released"
        assert user(scenario) == FREE


def test_who_is_acted_on_because_of_an_earlier_turn_is_not_told_of_as_let_alone() -> None:
    with open_scenario(rules()) as scenario, scenario.simulation.delivering(1):
        who = member(scenario)
        host = observe_host(who, STEPS).host
        assert host is not None
        weaker = {"ann": "named by a weaker finding", "bob": "named by a weaker finding"}
        task = bare_task(who, host, {}, None, {"users": {"ann": {}}}, resumed=True, users=weaker)
        result = users.apply(replace(task, observation=who.pool.start(partial(users.observe_with_host, task))), None)
        who.pool.close()
    told_of = [(item.what, item.reason) for item in result.items]
    assert told_of == [
        ("user ann", "the account has no such IAM user: one who was renamed since keeps the keys"),
        ("user bob", "named by a weaker finding"),
    ]


def test_users_are_more_than_there_are_threads_and_all_restricted() -> None:
    many = [f"user-{number}" for number in range(WORKERS + 6)]
    with open_scenario(rules(f"users: [{', '.join(many)}]"), users=[User(name, ACCOUNT) for name in many]) as scenario:
        scenario.deliver(asff(C2))
        assert [user(scenario, name) for name in many] == [RESTRICTED] * len(many)
        assert left(scenario.deployment.release(scenario.incident.id)) == []


@pytest.mark.parametrize(("at", "now"), [("release", RESTRICTED), ("finish_restore", FREE)])
def test_another_incident_that_came_while_the_release_was_slow_is_named(
    monkeypatch: pytest.MonkeyPatch, at: str, now: Mapping[str, Any]
) -> None:
    """What is not put back yet is left to the other one; what is put back already it may have found so."""
    with open_scenario(rules(), users=(ANN,)) as scenario:
        scenario.deliver(naming())
        with monkeypatch.context() as patch:
            join_while_slow(scenario, patch, "user#ann", at)
            released = scenario.deployment.release(scenario.incident.id)
        assert user(scenario) == now
        assert released.state == "releasing"
        reasons = {reason for _, reason, _ in left(released)}
        assert reasons == {f"{OTHER} acquired user#ann while this incident was restoring it"}
