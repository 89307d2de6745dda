# SPDX-License-Identifier: Apache-2.0
"""What takes the opt-in role: inline denial, the end of sessions, the swap of the profile; and what is without it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.context import MemberCredentials
from functions.steps.host import Host
from functions.steps.iam import sessions
from hub.simulation.world_spec import OrganizationSpec
from tests.finding.findings import asff
from tests.intake.policies import C2
from tests.scenario import ACCOUNT, INSTANCE, instance, open_scenario
from tests.steps.test_role_denial import (
    AS_IT_BEGAN,
    OTHERS,
    WEB,
    arn,
    contain,
    contain_under,
    denied,
    left,
    role,
    rules,
    step,
    told,
)

WITH_ROLE = OrganizationSpec(identity_role=True)
HOST = Host(INSTANCE, "running", None, None, spot=False, tags={}, interfaces=(), volumes=())
NOT_DEPLOYED = "the opt-in role identity is not deployed in this account"


def statement(policy: Mapping[str, Any]) -> Any:
    (only,) = policy["Statement"]
    return only


def test_inline_denial_and_revoked_sessions_are_written_and_taken_away() -> None:
    bundle = rules("inline: true, revoke_sessions: true")
    hosts = [INSTANCE, OTHERS[0]]
    with open_scenario(bundle, *(instance(each, profile=WEB) for each in hosts), organization=WITH_ROLE) as scenario:
        first, second = contain(scenario, *hosts)
        inline = role(scenario)["inline"]
        assert len(inline) == 4
        denial = statement(inline[f"cordon-{first.id}-denied"])
        assert denial["Condition"] == {"StringEquals": {"ec2:SourceInstanceARN": arn()}}
        assert (denial["Effect"], denial["Action"], denial["Resource"]) == ("Deny", "*", "*")
        revoked = statement(inline[f"cordon-{first.id}-revoked"])
        assert revoked["Condition"].keys() == {"DateLessThan"}
        (item,) = [each for each in step(first, "sessions").items if each.what == "web: revoked"]
        assert item.reason == "it hits every host that runs as this role"
        assert left(scenario.deployment.release(first.id)) == []
        assert set(role(scenario)["inline"]) == {f"cordon-{second.id}-denied", f"cordon-{second.id}-revoked"}
        scenario.deployment.release(second.id)
        assert role(scenario) == AS_IT_BEGAN


def test_an_inline_policy_that_says_something_else_is_left_to_its_writer() -> None:
    with open_scenario(rules("inline: true"), instance(profile=WEB), organization=WITH_ROLE) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        name = f"cordon-{incident.id}-denied"
        theirs = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}'
        scenario.other_client("iam").put_role_policy(RoleName="web", PolicyName=name, PolicyDocument=theirs)
        ((what, reason, command),) = left(scenario.deployment.release(incident.id))
        assert (what, reason) == (f"web: {name}", "it says something that Cordon did not write")
        assert command.startswith("aws iam delete-role-policy --role-name web")
        assert set(role(scenario)["inline"]) == {name}


def test_a_policy_that_an_earlier_try_left_is_taken_away_though_the_last_one_did_not_ask_for_it() -> None:
    bundle = rules("inline: true, revoke_sessions: true")
    faults = ["iam:GetRolePolicy=crash-before*5"]
    with open_scenario(bundle, instance(profile=WEB), organization=WITH_ROLE, faults=faults) as scenario:
        scenario.hand_over(asff(C2))
        scenario.inject_faults()
        incident = contain_under(scenario, rules("inline: true"))
        names = {f"cordon-{incident.id}-denied", f"cordon-{incident.id}-revoked"}
        assert step(incident, "sessions").receipt == {"purposes": ["denied"]}
        assert set(role(scenario)["inline"]) == names
        released = scenario.deployment.release(incident.id)
        assert role(scenario) == AS_IT_BEGAN
        assert {item.what for item in released.release if item.step == "sessions"} == {f"web: {name}" for name in names}


def test_a_policy_that_was_never_asked_for_is_not_told_of() -> None:
    with open_scenario(rules("inline: true"), instance(profile=WEB), organization=WITH_ROLE) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        released = scenario.deployment.release(incident.id)
        told_of = [item.what for item in released.release if item.step == "sessions"]
        assert told_of == [f"web: cordon-{incident.id}-denied"]


def test_the_inline_denial_stands_in_for_a_slot() -> None:
    with open_scenario(rules("inline: true"), instance(profile=WEB), organization=WITH_ROLE) as scenario:
        taken = [{"Key": f"cordon-denied-{slot}", "Value": "theirs"} for slot in range(1, 5)]
        scenario.other_client("iam").tag_role(RoleName="web", Tags=taken)
        (incident,) = contain(scenario, INSTANCE)
        assert step(incident).outcome == "skipped"
        assert incident.state == "contained"
        assert list(role(scenario)["inline"]) == [f"cordon-{incident.id}-denied"]


def test_the_profile_is_swapped_and_the_way_back_is_named() -> None:
    with open_scenario(rules("instance_profile: swap"), instance(profile=WEB), organization=WITH_ROLE) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        assert scenario.host()["profile"] == "cordon-quarantined"
        assert role(scenario) == denied(INSTANCE)
        ((what, reason, command),) = left(scenario.deployment.release(incident.id))
        assert role(scenario) == AS_IT_BEGAN
        assert what == "instance profile"
        assert f"arn:aws:iam::{ACCOUNT}:instance-profile/web-profile" in reason
        assert command.startswith("aws ec2 replace-iam-instance-profile-association --association-id iip-assoc-")
        assert f'"Arn":"arn:aws:iam::{ACCOUNT}:instance-profile/web-profile"' in command


def test_a_profile_that_is_as_it_was_by_the_release_is_said_to_be() -> None:
    with open_scenario(rules("instance_profile: swap"), instance(profile=WEB), organization=WITH_ROLE) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        ec2 = scenario.other_client()
        (now,) = ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
        ec2.replace_iam_instance_profile_association(
            AssociationId=now["AssociationId"], IamInstanceProfile={"Name": "web-profile"}
        )
        assert left(scenario.deployment.release(incident.id)) == []
        assert scenario.host()["profile"] == "web-profile"


@pytest.mark.parametrize(
    "fault", ["ec2:ReplaceIamInstanceProfileAssociation=crash-after", "iam:PutRolePolicy=timeout-after"]
)
def test_who_dies_half_way_is_resumed(fault: str) -> None:
    bundle = rules("instance_profile: swap, inline: true")
    with open_scenario(bundle, instance(profile=WEB), organization=WITH_ROLE, faults=[fault]) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        assert scenario.host()["profile"] == "cordon-quarantined"
        assert list(role(scenario)["inline"]) == [f"cordon-{incident.id}-denied"]
        assert role(scenario)["tags"]["cordon-denied-1"] == arn()
        ((what, _, _),) = left(scenario.deployment.release(incident.id))
        assert (what, role(scenario)) == ("instance profile", AS_IT_BEGAN)


def test_policies_that_failed_beside_the_swap_are_written_on_the_role_that_the_host_had() -> None:
    bundle = rules("instance_profile: swap, inline: true, revoke_sessions: true")
    faults = ["iam:PutRolePolicy=ServiceFailure*8"]
    with open_scenario(bundle, instance(profile=WEB), organization=WITH_ROLE, faults=faults) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        assert scenario.host()["profile"] == "cordon-quarantined"
        assert told(incident, "sessions") == "done: "
        assert set(role(scenario)["inline"]) == {f"cordon-{incident.id}-denied", f"cordon-{incident.id}-revoked"}
        ((what, _, _),) = left(scenario.deployment.release(incident.id))
        assert (what, role(scenario)) == ("instance profile", AS_IT_BEGAN)


@pytest.mark.parametrize(("code", "kept"), [("Throttling", {"web"}), ("AccessDenied", set())])
def test_a_role_is_kept_although_it_can_not_be_reached_just_now(code: str, kept: set[str]) -> None:
    way_in: Future[MemberCredentials] = Future()
    way_in.set_exception(ClientError({"Error": {"Code": code, "Message": "no"}}, "AssumeRole"))
    observation: Future[sessions.SessionsObserved] = Future()
    observation.set_result(sessions.SessionsObserved(("web",), "", way_in, "2026-03-02T10:28:00.000Z"))
    assert set(sessions.baseline(HOST, observation)["roles"]) == kept


def test_without_the_opt_in_role_nothing_is_half_done() -> None:
    bundle = rules("inline: true, revoke_sessions: true, instance_profile: swap")
    with open_scenario(bundle, instance(profile=WEB)) as scenario:
        (incident,) = contain(scenario, INSTANCE)
        assert told(incident, "sessions") == f"skipped: sessions of the role: {NOT_DEPLOYED}"
        assert told(incident, "instance_profile") == f"skipped: instance profile: {NOT_DEPLOYED}"
        assert role(scenario) == denied(INSTANCE)
        assert scenario.host()["profile"] == "web-profile"
        assert left(scenario.deployment.release(incident.id)) == []


def test_slots_used_up_without_the_opt_in_role_is_a_named_gap() -> None:
    with open_scenario(rules("inline: true"), instance(profile=WEB)) as scenario:
        taken = [{"Key": f"cordon-denied-{slot}", "Value": "theirs"} for slot in range(1, 5)]
        scenario.other_client("iam").tag_role(RoleName="web", Tags=taken)
        (incident,) = contain(scenario, INSTANCE)
        assert step(incident).error == "RoleSlotsUsed"
        assert role(scenario)["attached"] == []
