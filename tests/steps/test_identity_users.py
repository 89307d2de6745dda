# SPDX-License-Identifier: Apache-2.0
"""IAM users behind a host: restricted, their keys off, and as they began when the last host that they are behind is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from functions.containment.look import look
from functions.parallel import WORKERS
from functions.steps import users
from functions.steps.registry import STEPS
from hub.simulation.world_spec import User
from tests.finding.findings import asff
from tests.intake.policies import C2, TOR
from tests.stage import ACCOUNT, INSTANCE, Stage, instance, staged
from tests.steps.made import bare_task, member
from tests.steps.test_identity import OTHER, OTHERS, contain, join_while_slow, left, rules, step, told

ANN = User("ann", ACCOUNT, active_keys=2)
RESTRICTED = {"groups": ["cordon-restricted"], "active_keys": 0}
FREE = {"groups": [], "active_keys": 2}


def user(stage: Stage, name: str = "ann") -> Mapping[str, Any]:
    (found,) = [each for each in stage.simulation.world()["users"] if each["name"] == name]
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
    with staged(rules(), users=(ANN, User("bob", ACCOUNT))) as stage:
        stage.deliver(naming())
        assert user(stage) == RESTRICTED
        assert user(stage, "bob") == {"groups": [], "active_keys": 1}
        released = stage.deployment.release(stage.incident.id)
        assert user(stage) == FREE
        assert left(released) == []


def test_a_further_finding_that_names_a_user_is_acted_on_unless_it_is_weaker() -> None:
    with staged(rules(), users=(ANN,)) as stage:
        (incident,) = contain(stage, INSTANCE)
        assert told(incident, "users") == "skipped: no IAM user is named"
        assert (incident.state, user(stage)) == ("contained", FREE)
        stage.deliver(naming(kind=TOR, finding="b" * 32))
        assert user(stage) == FREE
        stage.deliver(naming())
        assert user(stage) == RESTRICTED
        stage.deployment.release(stage.incident.id)
        assert user(stage) == FREE


def test_a_weaker_finding_in_a_further_try_of_a_stricter_one_restricts_nobody() -> None:
    with staged(rules(), users=(ANN,), faults=["ec2:CreateTags=InternalError"]) as stage:
        stage.hand_over(asff(C2))
        assert stage.incident.state == "partial"
        stage.meet()
        stage.deliver(naming(kind=TOR, finding="b" * 32))
        assert user(stage) == FREE
        found = stage.incident
        assert "user ann: named only by a finding whose rule is in mode observe" in told(found, "users")
        assert "user-credentials" in found.residual_risk


@pytest.mark.parametrize("first", [0, 1])
def test_a_user_behind_two_hosts_is_freed_with_the_last(first: int) -> None:
    hosts = [INSTANCE, OTHERS[0]]
    with staged(rules("users: [ann]"), *map(instance, hosts), users=(ANN,)) as stage:
        incidents = contain(stage, *hosts)
        assert user(stage) == RESTRICTED
        stage.deployment.release(incidents[first].id)
        assert user(stage) == RESTRICTED
        stage.deployment.release(incidents[1 - first].id)
        assert user(stage) == FREE


def test_what_was_off_before_stays_off_and_who_was_in_the_group_stays_in_it() -> None:
    with staged(rules("users: [ann]"), users=(ANN,)) as stage:
        iam = stage.visitor("iam")
        off = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["AccessKeyId"]
        iam.update_access_key(UserName="ann", AccessKeyId=off, Status="Inactive")
        iam.add_user_to_group(GroupName="cordon-restricted", UserName="ann")
        (incident,) = contain(stage, INSTANCE)
        assert user(stage) == RESTRICTED
        stage.deployment.release(incident.id)
        assert user(stage) == {"groups": ["cordon-restricted"], "active_keys": 1}


def test_a_key_that_is_gone_is_named() -> None:
    with staged(rules("users: [ann]"), users=(ANN,)) as stage:
        (incident,) = contain(stage, INSTANCE)
        iam = stage.visitor("iam")
        gone = iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["AccessKeyId"]
        iam.delete_access_key(UserName="ann", AccessKeyId=gone)
        ((what, reason, _),) = left(stage.deployment.release(incident.id))
        assert (what, reason) == (f"user ann: key {gone}", "the key no longer exists")
        assert user(stage) == {"groups": [], "active_keys": 1}


def test_a_user_that_only_a_tag_names_is_left_to_people() -> None:
    with staged(rules("user_tag: owner"), instance(tags={"owner": "ann"}), users=(ANN,)) as stage:
        (incident,) = contain(stage, INSTANCE)
        assert told(incident, "users") == (
            "skipped: user ann: only the host's tag owner names this user, and tags can be forged: acted on by "
            "approval alone"
        )
        assert user(stage) == FREE


def test_a_user_that_does_not_exist_is_a_named_gap() -> None:
    with staged(rules(), users=(ANN,)) as stage:
        stage.deliver(naming("eve"))
        assert step(stage.incident, "users").reason.startswith("user eve: the account has no such IAM user")
        assert stage.incident.state == "partial"
        assert "user-credentials" in stage.incident.residual_risk


def test_a_user_that_policy_names_for_many_accounts_need_not_be_in_each() -> None:
    with staged(rules("users: [ann, eve]"), users=(ANN,)) as stage:
        (incident,) = contain(stage, INSTANCE)
        assert told(incident, "users") == "done: user eve: the account has no such IAM user"
        assert user(stage) == RESTRICTED
        assert incident.state == "contained"
        assert "user-credentials" not in incident.residual_risk


def test_a_user_whom_an_earlier_turn_found_and_who_is_gone_now_stays_a_gap() -> None:
    with staged(rules()) as stage, stage.simulation.delivering(1):
        who = member(stage)
        host = look(who, STEPS).host
        assert host is not None
        task = bare_task(who, host, {"users": ["ann", "bob"]}, None, {"users": {"ann": {}}}, resumed=True)
        result = users.apply(task, users.explore(task))
        who.pool.close()
    assert [(part.what, part.outcome.value) for part in result.parts] == [
        ("user ann", "failed"),
        ("user bob", "skipped"),
    ]


def test_who_dies_half_way_is_resumed_and_the_user_is_as_it_began() -> None:
    with staged(rules(), users=(ANN,), faults=["iam:UpdateAccessKey=crash-after"]) as stage:
        stage.deliver(naming())
        assert user(stage) == RESTRICTED
        stage.deployment.release(stage.incident.id)
        assert user(stage) == FREE


def test_a_release_that_did_not_end_is_run_again() -> None:
    with staged(rules(), users=(ANN,)) as stage:
        stage.deliver(naming())
        stage.meet("iam:UpdateAccessKey=AccessDenied", "iam:RemoveUserFromGroup=AccessDenied")
        assert stage.deployment.release(stage.incident.id).state == "releasing"
        assert user(stage) == RESTRICTED
        stage.meet()
        assert stage.deployment.release(stage.incident.id).state == "released"
        assert user(stage) == FREE


def test_who_is_acted_on_because_of_an_earlier_turn_is_not_told_of_as_let_alone() -> None:
    with staged(rules()) as stage, stage.simulation.delivering(1):
        who = member(stage)
        host = look(who, STEPS).host
        assert host is not None
        weaker = {"ann": "named by a weaker finding", "bob": "named by a weaker finding"}
        task = bare_task(who, host, {}, None, {"users": {"ann": {}}}, resumed=True, users=weaker)
        result = users.apply(task, users.explore(task))
        who.pool.close()
    told_of = [(part.what, part.reason) for part in result.parts]
    assert told_of == [
        ("user ann", "the account has no such IAM user: one who was renamed since keeps the keys"),
        ("user bob", "named by a weaker finding"),
    ]


def test_users_are_more_than_there_are_threads_and_all_restricted() -> None:
    many = [f"user-{number}" for number in range(WORKERS + 6)]
    with staged(rules(f"users: [{', '.join(many)}]"), users=[User(name, ACCOUNT) for name in many]) as stage:
        stage.deliver(asff(C2))
        assert [user(stage, name) for name in many] == [RESTRICTED] * len(many)
        assert left(stage.deployment.release(stage.incident.id)) == []


@pytest.mark.parametrize(("at", "now"), [("leave", RESTRICTED), ("end", FREE)])
def test_another_incident_that_came_while_the_release_was_slow_is_named(
    monkeypatch: pytest.MonkeyPatch, at: str, now: Mapping[str, Any]
) -> None:
    """What is not put back yet is left to the other one; what is put back already it may have found so."""
    with staged(rules(), users=(ANN,)) as stage:
        stage.deliver(naming())
        with monkeypatch.context() as patch:
            join_while_slow(stage, patch, "user#ann", at)
            released = stage.deployment.release(stage.incident.id)
        assert user(stage) == now
        assert released.state == "releasing"
        reasons = {reason for _, reason, _ in left(released)}
        assert reasons == {f"{OTHER} came to hold on to user#ann while this incident was putting it back"}
