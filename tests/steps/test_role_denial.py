# SPDX-License-Identifier: Apache-2.0
"""The host's role, denied for this host alone: read from the roles of the world, whatever else runs as them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from functions.incident.model import AnyResult, Incident
from functions.incident.shared_resources import RESTORE_TIME, SharedResources
from hub.policy.publish import publish
from hub.simulation.world_spec import Profile
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.scenario import ACCOUNT, INSTANCE, REGION, Scenario, instance, open_scenario

WEB = Profile("web-profile", "web")
DENIAL = f"arn:aws:iam::{ACCOUNT}:policy/cordon/cordon-denial"
OTHERS = [f"i-000000000000000{number}" for number in range(2, 6)]


def rules(options: str = "") -> bytes:
    """Return the policy with the identity step on."""
    return policy(f"steps: {{role_denial: {{{options}}}}}\n")


def arn(name: str = INSTANCE) -> str:
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{name}"


def role(scenario: Scenario, name: str = "web") -> Mapping[str, Any]:
    (found,) = [each for each in scenario.simulation.world()["roles"] if each["name"] == name]
    return {key: found[key] for key in ("tags", "attached", "inline")}


AS_IT_BEGAN: dict[str, Any] = {"tags": {}, "attached": [], "inline": {}}


def denied(*hosts: str, ssm: bool = True) -> dict[str, Any]:
    """Return the role as it is with these hosts in its slots, from the first on."""
    tags = {f"cordon-denied-{slot}": arn(host) for slot, host in enumerate(hosts, 1)}
    if ssm:
        tags |= {f"cordon-denied-ssm-{slot}": arn(host) for slot, host in enumerate(hosts, 1)}
    return {"tags": dict(sorted(tags.items())), "attached": [DENIAL], "inline": {}}


def contain(scenario: Scenario, *hosts: str) -> list[Incident]:
    """Contain the hosts one after the other; return their incidents in that order."""
    for number, host in enumerate(hosts):
        scenario.deliver(asff(C2, finding=f"{number + 1:032x}", instances=[host]))
    by_host = {each.target.instance: each for each in scenario.deployment.incidents()}
    return [by_host[host] for host in hosts]


OTHER = "inc-1kjq1eaw0-bbbbbbbb"


def join_while_slow(scenario: Scenario, patch: pytest.MonkeyPatch, resource: str, at: str) -> None:
    """Have another incident acquire a resource that took too long to restore: at one of the two calls."""
    given = getattr(SharedResources, at)

    def slow(on: SharedResources, account: str, which: str, incident: str) -> Any:
        def joined() -> None:
            if which == resource:
                scenario.simulation.clock.sleep(RESTORE_TIME.total_seconds() + 1)
                on.acquire(account, resource, OTHER, {}, lambda _: 1)

        if at == "finish_restore":
            joined()
            return given(on, account, which, incident)
        use = given(on, account, which, incident)
        joined()
        return use

    patch.setattr(SharedResources, at, slow)


def contain_under(scenario: Scenario, bundle: bytes) -> Incident:
    """Publish another policy, and contain the host again under it, once whoever died at it can be taken over."""
    services = scenario.services()
    publish(services.clients.hub("s3"), services.clients.hub("dynamodb"), scenario.deployment.settings, bundle)
    scenario.simulation.clock.sleep(scenario.deployment.settings.lease_seconds + 1)
    (incident,) = contain(scenario, INSTANCE)
    return incident


def step(incident: Incident, name: str = "role_denial") -> AnyResult:
    (found,) = [each for each in incident.steps if each.name == name]
    return found


def told(incident: Incident, name: str = "role_denial") -> str:
    return f"{step(incident, name).outcome.value}: {step(incident, name).reason}"


def left(incident: Incident) -> list[tuple[str, str, str]]:
    return [(item.what, item.reason, item.command) for item in incident.release if not item.restored]


def test_the_role_is_denied_for_the_host_and_as_it_was_after_release() -> None:
    with open_scenario(rules(), instance(profile=WEB)) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        assert told(incident) == "done: "
        assert role(scenario) == denied(INSTANCE)
        released = scenario.deployment.release(incident.id)
        assert role(scenario) == AS_IT_BEGAN
        assert left(released) == []


def test_the_way_in_by_systems_manager_is_left_where_policy_says_so() -> None:
    with open_scenario(rules("ssm: exempt"), instance(profile=WEB)) as scenario:
        contain(scenario, INSTANCE)
        assert role(scenario) == denied(INSTANCE, ssm=False)


def test_a_way_in_that_an_earlier_turn_denied_is_a_named_gap_until_somebody_opens_it() -> None:
    with open_scenario(rules(), instance(profile=WEB), faults=["ec2:CreateTags=InternalError"]) as scenario:
        scenario.hand_over(asff(C2))
        assert scenario.incident.state == "partial"
        scenario.inject_faults()
        incident = contain_under(scenario, rules("ssm: exempt"))
        assert role(scenario) == denied(INSTANCE)
        assert step(incident).error == "WayInDenied"
        assert told(incident) == (
            "failed: web: way in by Systems Manager: denied by tag cordon-denied-ssm-1 of an earlier attempt, and "
            "containment takes no denial back: take the tag away to let investigators in"
        )
        assert incident.state == "partial"
        scenario.other_client("iam").untag_role(RoleName="web", TagKeys=["cordon-denied-ssm-1"])
        scenario.deliver(asff(C2, finding="f" * 32))
        assert told(scenario.incident) == "done: "
        assert role(scenario) == denied(INSTANCE, ssm=False)
        assert left(scenario.deployment.release(incident.id)) == []
        assert role(scenario) == AS_IT_BEGAN


@pytest.mark.parametrize("first", [0, 1])
def test_two_hosts_of_a_role_are_released_in_either_order(first: int) -> None:
    hosts = [INSTANCE, OTHERS[0]]
    with open_scenario(rules(), *(instance(name, profile=WEB) for name in hosts)) as scenario:
        incidents = contain(scenario, *hosts)
        assert role(scenario) == denied(*hosts)
        scenario.deployment.release(incidents[first].id)
        now = role(scenario)
        assert now["attached"] == [DENIAL]
        assert set(now["tags"].values()) == {arn(hosts[1 - first])}
        scenario.deployment.release(incidents[1 - first].id)
        assert role(scenario) == AS_IT_BEGAN


def test_a_fifth_host_of_a_role_is_a_named_gap_and_a_slot_that_is_given_back_is_used() -> None:
    hosts = [INSTANCE, *OTHERS]
    with open_scenario(rules(), *(instance(name, profile=WEB) for name in hosts)) as scenario:
        incidents = contain(scenario, *hosts)
        assert role(scenario) == denied(*hosts[:4])
        assert step(incidents[4]).error == "RoleSlotsUsed"
        assert incidents[4].state == "partial"
        scenario.deployment.release(incidents[1].id)
        scenario.deliver(asff(C2, finding="f" * 32, instances=[hosts[4]]))
        assert role(scenario)["tags"]["cordon-denied-2"] == arn(hosts[4])


def test_a_policy_that_was_attached_before_stays() -> None:
    with open_scenario(rules(), instance(profile=WEB)) as scenario:
        scenario.other_client("iam").attach_role_policy(RoleName="web", PolicyArn=DENIAL)
        scenario.other_client("iam").tag_role(RoleName="web", Tags=[{"Key": "cordon-denied-1", "Value": "theirs"}])
        before = role(scenario)
        (incident,) = contain(scenario, INSTANCE)
        assert role(scenario)["tags"]["cordon-denied-1"] == "theirs"
        assert role(scenario)["tags"]["cordon-denied-2"] == arn()
        scenario.deployment.release(incident.id)
        assert role(scenario) == before


def test_a_tag_that_somebody_changed_is_left_to_them_with_the_command() -> None:
    with open_scenario(rules(), instance(profile=WEB)) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        scenario.other_client("iam").tag_role(RoleName="web", Tags=[{"Key": "cordon-denied-1", "Value": "theirs"}])
        ((what, reason, command),) = left(scenario.deployment.release(incident.id))
        assert role(scenario) == {"tags": {"cordon-denied-1": "theirs"}, "attached": [], "inline": {}}
        assert (what, reason) == ("web: cordon-denied-1", "found as 'theirs', which Cordon did not set")
        assert command == "aws iam untag-role --role-name web --tag-keys cordon-denied-1 --region eu-west-1"


def test_a_full_role_is_tagged_and_the_gap_is_named() -> None:
    with open_scenario(rules(), instance(profile=WEB)) as scenario:
        iam = scenario.other_client("iam")
        for number in range(10):
            made = iam.create_policy(
                PolicyName=f"own-{number}",
                PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}',
            )
            iam.attach_role_policy(RoleName="web", PolicyArn=made["Policy"]["Arn"])
        (incident,) = contain(scenario, INSTANCE)
        assert step(incident).error == "LimitExceeded"
        assert DENIAL not in role(scenario)["attached"]
        scenario.deployment.release(incident.id)
        assert role(scenario)["tags"] == {}


def test_a_profile_with_a_path_and_another_name_than_its_role() -> None:
    with open_scenario(rules()) as scenario:
        iam, ec2 = scenario.other_client("iam"), scenario.other_client()
        iam.create_role(RoleName="ledger", AssumeRolePolicyDocument="{}", Path="/payments/")
        iam.create_instance_profile(InstanceProfileName="batch", Path="/payments/blue/")
        iam.add_role_to_instance_profile(InstanceProfileName="batch", RoleName="ledger")
        ec2.associate_iam_instance_profile(InstanceId=INSTANCE, IamInstanceProfile={"Name": "batch"})
        contain(scenario, INSTANCE)
        assert role(scenario, "ledger") == denied(INSTANCE)


def test_nothing_to_deny_is_said() -> None:
    with open_scenario(rules(), instance(), instance(OTHERS[0])) as scenario:
        scenario.other_client("iam").create_instance_profile(InstanceProfileName="empty")
        scenario.other_client().associate_iam_instance_profile(
            InstanceId=OTHERS[0], IamInstanceProfile={"Name": "empty"}
        )
        without, empty = contain(scenario, INSTANCE, OTHERS[0])
        assert told(without) == "skipped: the host has no instance profile"
        assert told(empty) == "skipped: the instance profile empty has no role"
        assert without.state == empty.state == "contained"


def test_a_role_that_is_gone_by_the_release_is_nothing_to_put_back() -> None:
    with open_scenario(rules(), instance(profile=WEB)) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        iam = scenario.other_client("iam")
        iam.remove_role_from_instance_profile(InstanceProfileName="web-profile", RoleName="web")
        iam.detach_role_policy(RoleName="web", PolicyArn=DENIAL)
        iam.delete_role(RoleName="web")
        released = scenario.deployment.release(incident.id)
        assert (left(released), released.state) == ([], "released")


def test_who_dies_half_way_is_resumed_in_the_same_slot() -> None:
    with open_scenario(rules(), instance(profile=WEB), faults=["iam:AttachRolePolicy=crash-after"]) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        assert role(scenario) == denied(INSTANCE)
        scenario.deployment.release(incident.id)
        assert role(scenario) == AS_IT_BEGAN


def test_a_release_that_did_not_end_is_run_again() -> None:
    with open_scenario(rules(), instance(profile=WEB)) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        for operation in ("iam:UntagRole", "iam:DetachRolePolicy"):
            scenario.inject_faults(f"{operation}=AccessDenied")
            assert scenario.deployment.release(incident.id).state == "releasing"
            assert role(scenario) != AS_IT_BEGAN
        scenario.inject_faults()
        assert scenario.deployment.release(incident.id).state == "released"
        assert role(scenario) == AS_IT_BEGAN


def test_the_policy_stays_where_another_incident_came_while_the_release_was_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_scenario(rules(), instance(profile=WEB)) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        with monkeypatch.context() as patch:
            join_while_slow(scenario, patch, "role#web", "release")
            released = scenario.deployment.release(incident.id)
        assert role(scenario)["attached"] == [DENIAL]
        assert released.state == "releasing"
        ((what, reason, _),) = left(released)
        assert (what, reason) == (
            "web: policy",
            f"{OTHER} acquired role#web while this incident was restoring it",
        )
        assert scenario.deployment.release(incident.id).state == "released"
        assert role(scenario)["attached"] == [DENIAL]
