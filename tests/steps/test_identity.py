# SPDX-License-Identifier: Apache-2.0
"""The host's role, denied for this host alone: read from the roles of the world, whatever else runs as them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from functions.incident.holds import ROOM_TO_PUT_BACK, Holds
from functions.incident.model import Incident, StepResult
from hub.policy.publish import publish
from hub.simulation.world_spec import Profile
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.stage import ACCOUNT, INSTANCE, REGION, Stage, instance, staged

WEB = Profile("web-profile", "web")
DENIAL = f"arn:aws:iam::{ACCOUNT}:policy/cordon/cordon-denial"
OTHERS = [f"i-000000000000000{number}" for number in range(2, 6)]


def rules(options: str = "") -> bytes:
    """Return the policy with the identity step on."""
    return policy(f"steps: {{identity: {{{options}}}}}\n")


def arn(name: str = INSTANCE) -> str:
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{name}"


def role(stage: Stage, name: str = "web") -> Mapping[str, Any]:
    (found,) = [each for each in stage.simulation.world()["roles"] if each["name"] == name]
    return {key: found[key] for key in ("tags", "attached", "inline")}


AS_IT_BEGAN: dict[str, Any] = {"tags": {}, "attached": [], "inline": {}}


def denied(*hosts: str, ssm: bool = True) -> dict[str, Any]:
    """Return the role as it is with these hosts in its slots, from the first on."""
    tags = {f"cordon-denied-{slot}": arn(host) for slot, host in enumerate(hosts, 1)}
    if ssm:
        tags |= {f"cordon-denied-ssm-{slot}": arn(host) for slot, host in enumerate(hosts, 1)}
    return {"tags": dict(sorted(tags.items())), "attached": [DENIAL], "inline": {}}


def contain(stage: Stage, *hosts: str) -> list[Incident]:
    """Contain the hosts one after the other; return their incidents in that order."""
    for number, host in enumerate(hosts):
        stage.deliver(asff(C2, finding=f"{number + 1:032x}", instances=[host]))
    by_host = {each.target.instance: each for each in stage.deployment.incidents()}
    return [by_host[host] for host in hosts]


OTHER = "inc-1kjq1eaw0-bbbbbbbb"


def join_while_slow(stage: Stage, patch: pytest.MonkeyPatch, thing: str, at: str) -> None:
    """Have another incident hold on to a thing that took too long to put back: after ``leave``, or at ``end``."""
    given = getattr(Holds, at)

    def slow(on: Holds, account: str, which: str, incident: str) -> Any:
        def joined() -> None:
            if which == thing:
                stage.simulation.clock.sleep(ROOM_TO_PUT_BACK.total_seconds() + 1)
                on.join(account, thing, OTHER, {}, lambda _: 1)

        if at == "end":
            joined()
            return given(on, account, which, incident)
        hold = given(on, account, which, incident)
        joined()
        return hold

    patch.setattr(Holds, at, slow)


def contain_under(stage: Stage, bundle: bytes) -> Incident:
    """Publish another policy, and contain the host again under it, once whoever died at it can be taken over."""
    hub = stage.hub()
    publish(hub.clients.hub("s3"), hub.clients.hub("dynamodb"), stage.deployment.settings, bundle)
    stage.simulation.clock.sleep(stage.deployment.settings.lease_seconds + 1)
    (incident,) = contain(stage, INSTANCE)
    return incident


def step(incident: Incident, name: str = "identity") -> StepResult:
    (found,) = [each for each in incident.steps if each.name == name]
    return found


def told(incident: Incident, name: str = "identity") -> str:
    return f"{step(incident, name).outcome.value}: {step(incident, name).reason}"


def left(incident: Incident) -> list[tuple[str, str, str]]:
    return [(item.what, item.reason, item.command) for item in incident.release if not item.restored]


def test_the_role_is_denied_for_the_host_and_as_it_was_after_release() -> None:
    with staged(rules(), instance(profile=WEB)) as stage:
        (incident,) = contain(stage, INSTANCE)
        assert told(incident) == "done: "
        assert role(stage) == denied(INSTANCE)
        released = stage.deployment.release(incident.id)
        assert role(stage) == AS_IT_BEGAN
        assert left(released) == []


def test_the_way_in_by_systems_manager_is_left_where_policy_says_so() -> None:
    with staged(rules("ssm: exempt"), instance(profile=WEB)) as stage:
        contain(stage, INSTANCE)
        assert role(stage) == denied(INSTANCE, ssm=False)


def test_a_way_in_that_an_earlier_turn_denied_is_a_named_gap_until_somebody_opens_it() -> None:
    with staged(rules(), instance(profile=WEB), faults=["ec2:CreateTags=InternalError"]) as stage:
        stage.hand_over(asff(C2))
        assert stage.incident.state == "partial"
        stage.meet()
        incident = contain_under(stage, rules("ssm: exempt"))
        assert role(stage) == denied(INSTANCE)
        assert step(incident).error == "WayInDenied"
        assert told(incident) == (
            "failed: web: way in by Systems Manager: denied by tag cordon-denied-ssm-1 of an earlier turn, and "
            "containment takes no denial back: take the tag away to let investigators in"
        )
        assert incident.state == "partial"
        stage.visitor("iam").untag_role(RoleName="web", TagKeys=["cordon-denied-ssm-1"])
        stage.deliver(asff(C2, finding="f" * 32))
        assert told(stage.incident) == "done: "
        assert role(stage) == denied(INSTANCE, ssm=False)
        assert left(stage.deployment.release(incident.id)) == []
        assert role(stage) == AS_IT_BEGAN


@pytest.mark.parametrize("first", [0, 1])
def test_two_hosts_of_a_role_are_released_in_either_order(first: int) -> None:
    hosts = [INSTANCE, OTHERS[0]]
    with staged(rules(), *(instance(name, profile=WEB) for name in hosts)) as stage:
        incidents = contain(stage, *hosts)
        assert role(stage) == denied(*hosts)
        stage.deployment.release(incidents[first].id)
        standing = role(stage)
        assert standing["attached"] == [DENIAL]
        assert set(standing["tags"].values()) == {arn(hosts[1 - first])}
        stage.deployment.release(incidents[1 - first].id)
        assert role(stage) == AS_IT_BEGAN


def test_a_fifth_host_of_a_role_is_a_named_gap_and_a_slot_that_is_given_back_is_used() -> None:
    hosts = [INSTANCE, *OTHERS]
    with staged(rules(), *(instance(name, profile=WEB) for name in hosts)) as stage:
        incidents = contain(stage, *hosts)
        assert role(stage) == denied(*hosts[:4])
        assert step(incidents[4]).error == "RoleSlotsUsed"
        assert incidents[4].state == "partial"
        stage.deployment.release(incidents[1].id)
        stage.deliver(asff(C2, finding="f" * 32, instances=[hosts[4]]))
        assert role(stage)["tags"]["cordon-denied-2"] == arn(hosts[4])


def test_a_policy_that_was_attached_before_stays() -> None:
    with staged(rules(), instance(profile=WEB)) as stage:
        stage.visitor("iam").attach_role_policy(RoleName="web", PolicyArn=DENIAL)
        stage.visitor("iam").tag_role(RoleName="web", Tags=[{"Key": "cordon-denied-1", "Value": "theirs"}])
        before = role(stage)
        (incident,) = contain(stage, INSTANCE)
        assert role(stage)["tags"]["cordon-denied-1"] == "theirs"
        assert role(stage)["tags"]["cordon-denied-2"] == arn()
        stage.deployment.release(incident.id)
        assert role(stage) == before


def test_a_tag_that_somebody_changed_is_left_to_them_with_the_command() -> None:
    with staged(rules(), instance(profile=WEB)) as stage:
        (incident,) = contain(stage, INSTANCE)
        stage.visitor("iam").tag_role(RoleName="web", Tags=[{"Key": "cordon-denied-1", "Value": "theirs"}])
        ((what, reason, command),) = left(stage.deployment.release(incident.id))
        assert role(stage) == {"tags": {"cordon-denied-1": "theirs"}, "attached": [], "inline": {}}
        assert (what, reason) == ("web: cordon-denied-1", "found as 'theirs', which Cordon did not set")
        assert command == "aws iam untag-role --role-name web --tag-keys cordon-denied-1 --region eu-west-1"


def test_a_full_role_is_tagged_and_the_gap_is_named() -> None:
    with staged(rules(), instance(profile=WEB)) as stage:
        iam = stage.visitor("iam")
        for number in range(10):
            made = iam.create_policy(
                PolicyName=f"own-{number}",
                PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}',
            )
            iam.attach_role_policy(RoleName="web", PolicyArn=made["Policy"]["Arn"])
        (incident,) = contain(stage, INSTANCE)
        assert step(incident).error == "LimitExceeded"
        assert DENIAL not in role(stage)["attached"]
        stage.deployment.release(incident.id)
        assert role(stage)["tags"] == {}


def test_a_profile_with_a_path_and_another_name_than_its_role() -> None:
    with staged(rules()) as stage:
        iam, ec2 = stage.visitor("iam"), stage.visitor()
        iam.create_role(RoleName="ledger", AssumeRolePolicyDocument="{}", Path="/payments/")
        iam.create_instance_profile(InstanceProfileName="batch", Path="/payments/blue/")
        iam.add_role_to_instance_profile(InstanceProfileName="batch", RoleName="ledger")
        ec2.associate_iam_instance_profile(InstanceId=INSTANCE, IamInstanceProfile={"Name": "batch"})
        contain(stage, INSTANCE)
        assert role(stage, "ledger") == denied(INSTANCE)


def test_nothing_to_deny_is_said() -> None:
    with staged(rules(), instance(), instance(OTHERS[0])) as stage:
        stage.visitor("iam").create_instance_profile(InstanceProfileName="empty")
        stage.visitor().associate_iam_instance_profile(InstanceId=OTHERS[0], IamInstanceProfile={"Name": "empty"})
        without, empty = contain(stage, INSTANCE, OTHERS[0])
        assert told(without) == "skipped: the host has no instance profile"
        assert told(empty) == "skipped: the instance profile empty has no role"
        assert without.state == empty.state == "contained"


def test_a_role_that_is_gone_by_the_release_is_nothing_to_put_back() -> None:
    with staged(rules(), instance(profile=WEB)) as stage:
        (incident,) = contain(stage, INSTANCE)
        iam = stage.visitor("iam")
        iam.remove_role_from_instance_profile(InstanceProfileName="web-profile", RoleName="web")
        iam.detach_role_policy(RoleName="web", PolicyArn=DENIAL)
        iam.delete_role(RoleName="web")
        released = stage.deployment.release(incident.id)
        assert (left(released), released.state) == ([], "released")


def test_who_dies_half_way_is_resumed_in_the_same_slot() -> None:
    with staged(rules(), instance(profile=WEB), faults=["iam:AttachRolePolicy=crash-after"]) as stage:
        (incident,) = contain(stage, INSTANCE)
        assert role(stage) == denied(INSTANCE)
        stage.deployment.release(incident.id)
        assert role(stage) == AS_IT_BEGAN


def test_a_release_that_did_not_end_is_run_again() -> None:
    with staged(rules(), instance(profile=WEB)) as stage:
        (incident,) = contain(stage, INSTANCE)
        for operation in ("iam:UntagRole", "iam:DetachRolePolicy"):
            stage.meet(f"{operation}=AccessDenied")
            assert stage.deployment.release(incident.id).state == "releasing"
            assert role(stage) != AS_IT_BEGAN
        stage.meet()
        assert stage.deployment.release(incident.id).state == "released"
        assert role(stage) == AS_IT_BEGAN


def test_the_policy_stays_where_another_incident_came_while_the_release_was_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with staged(rules(), instance(profile=WEB)) as stage:
        (incident,) = contain(stage, INSTANCE)
        with monkeypatch.context() as patch:
            join_while_slow(stage, patch, "role#web", "leave")
            released = stage.deployment.release(incident.id)
        assert role(stage)["attached"] == [DENIAL]
        assert released.state == "releasing"
        ((what, reason, _),) = left(released)
        assert (what, reason) == (
            "web: policy",
            f"{OTHER} came to hold on to role#web while this incident was putting it back",
        )
        assert stage.deployment.release(incident.id).state == "released"
        assert role(stage)["attached"] == [DENIAL]
