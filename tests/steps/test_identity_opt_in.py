# SPDX-License-Identifier: Apache-2.0
"""What takes the opt-in role: inline denial, the end of sessions, the swap of the profile; and what is without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.steps import sessions
from functions.steps.host import Host
from hub.simulation.world_spec import Organization
from tests.finding.findings import asff
from tests.intake.policies import C2
from tests.stage import ACCOUNT, INSTANCE, instance, staged
from tests.steps.test_identity import (
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

WITH_ROLE = Organization(identity_role=True)
HOST = Host(INSTANCE, "running", None, None, spot=False, tags={}, interfaces=(), volumes=())
NOT_DEPLOYED = "the opt-in role identity is not deployed in this account"


def statement(policy: Mapping[str, Any]) -> Any:
    (only,) = policy["Statement"]
    return only


def test_inline_denial_and_revoked_sessions_are_written_and_taken_away() -> None:
    bundle = rules("inline: true, revoke_sessions: true")
    hosts = [INSTANCE, OTHERS[0]]
    with staged(bundle, *(instance(each, profile=WEB) for each in hosts), organization=WITH_ROLE) as stage:
        first, second = contain(stage, *hosts)
        inline = role(stage)["inline"]
        assert len(inline) == 4
        denial = statement(inline[f"cordon-{first.id}-denied"])
        assert denial["Condition"] == {"StringEquals": {"ec2:SourceInstanceARN": arn()}}
        assert (denial["Effect"], denial["Action"], denial["Resource"]) == ("Deny", "*", "*")
        revoked = statement(inline[f"cordon-{first.id}-revoked"])
        assert revoked["Condition"].keys() == {"DateLessThan"}
        (part,) = [each for each in step(first, "sessions").parts if each.what == "web: revoked"]
        assert part.reason == "it hits every host that runs as this role"
        assert left(stage.deployment.release(first.id)) == []
        assert set(role(stage)["inline"]) == {f"cordon-{second.id}-denied", f"cordon-{second.id}-revoked"}
        stage.deployment.release(second.id)
        assert role(stage) == AS_IT_BEGAN


def test_an_inline_policy_that_says_something_else_is_left_to_its_writer() -> None:
    with staged(rules("inline: true"), instance(profile=WEB), organization=WITH_ROLE) as stage:
        (incident,) = contain(stage, INSTANCE)
        name = f"cordon-{incident.id}-denied"
        theirs = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}'
        stage.visitor("iam").put_role_policy(RoleName="web", PolicyName=name, PolicyDocument=theirs)
        ((what, reason, command),) = left(stage.deployment.release(incident.id))
        assert (what, reason) == (f"web: {name}", "it says something that Cordon did not write")
        assert command.startswith("aws iam delete-role-policy --role-name web")
        assert set(role(stage)["inline"]) == {name}


def test_a_policy_that_an_earlier_try_left_is_taken_away_though_the_last_one_did_not_ask_for_it() -> None:
    bundle = rules("inline: true, revoke_sessions: true")
    faults = ["iam:GetRolePolicy=crash-before*5"]
    with staged(bundle, instance(profile=WEB), organization=WITH_ROLE, faults=faults) as stage:
        stage.hand_over(asff(C2))
        stage.meet()
        incident = contain_under(stage, rules("inline: true"))
        names = {f"cordon-{incident.id}-denied", f"cordon-{incident.id}-revoked"}
        assert step(incident, "sessions").receipt == {"purposes": ["denied"]}
        assert set(role(stage)["inline"]) == names
        released = stage.deployment.release(incident.id)
        assert role(stage) == AS_IT_BEGAN
        assert {item.what for item in released.release if item.step == "sessions"} == {f"web: {name}" for name in names}


def test_a_policy_that_was_never_asked_for_is_not_told_of() -> None:
    with staged(rules("inline: true"), instance(profile=WEB), organization=WITH_ROLE) as stage:
        (incident,) = contain(stage, INSTANCE)
        released = stage.deployment.release(incident.id)
        told_of = [item.what for item in released.release if item.step == "sessions"]
        assert told_of == [f"web: cordon-{incident.id}-denied"]


def test_the_inline_denial_stands_in_for_a_slot() -> None:
    with staged(rules("inline: true"), instance(profile=WEB), organization=WITH_ROLE) as stage:
        taken = [{"Key": f"cordon-denied-{slot}", "Value": "theirs"} for slot in range(1, 5)]
        stage.visitor("iam").tag_role(RoleName="web", Tags=taken)
        (incident,) = contain(stage, INSTANCE)
        assert step(incident).outcome == "skipped"
        assert incident.state == "contained"
        assert list(role(stage)["inline"]) == [f"cordon-{incident.id}-denied"]


def test_the_profile_is_swapped_and_the_way_back_is_named() -> None:
    with staged(rules("profile: swap"), instance(profile=WEB), organization=WITH_ROLE) as stage:
        (incident,) = contain(stage, INSTANCE)
        assert stage.host()["profile"] == "cordon-quarantined"
        assert role(stage) == denied(INSTANCE)
        ((what, reason, command),) = left(stage.deployment.release(incident.id))
        assert role(stage) == AS_IT_BEGAN
        assert what == "instance profile"
        assert f"arn:aws:iam::{ACCOUNT}:instance-profile/web-profile" in reason
        assert command.startswith("aws ec2 replace-iam-instance-profile-association --association-id iip-assoc-")
        assert f'"Arn":"arn:aws:iam::{ACCOUNT}:instance-profile/web-profile"' in command


def test_a_profile_that_is_as_it_was_by_the_release_is_said_to_be() -> None:
    with staged(rules("profile: swap"), instance(profile=WEB), organization=WITH_ROLE) as stage:
        (incident,) = contain(stage, INSTANCE)
        ec2 = stage.visitor()
        (now,) = ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
        ec2.replace_iam_instance_profile_association(
            AssociationId=now["AssociationId"], IamInstanceProfile={"Name": "web-profile"}
        )
        assert left(stage.deployment.release(incident.id)) == []
        assert stage.host()["profile"] == "web-profile"


@pytest.mark.parametrize(
    "fault", ["ec2:ReplaceIamInstanceProfileAssociation=crash-after", "iam:PutRolePolicy=timeout-after"]
)
def test_who_dies_half_way_is_resumed(fault: str) -> None:
    bundle = rules("profile: swap, inline: true")
    with staged(bundle, instance(profile=WEB), organization=WITH_ROLE, faults=[fault]) as stage:
        (incident,) = contain(stage, INSTANCE)
        assert stage.host()["profile"] == "cordon-quarantined"
        assert list(role(stage)["inline"]) == [f"cordon-{incident.id}-denied"]
        assert role(stage)["tags"]["cordon-denied-1"] == arn()
        ((what, _, _),) = left(stage.deployment.release(incident.id))
        assert (what, role(stage)) == ("instance profile", AS_IT_BEGAN)


def test_policies_that_failed_beside_the_swap_are_written_on_the_role_that_the_host_had() -> None:
    bundle = rules("profile: swap, inline: true, revoke_sessions: true")
    faults = ["iam:PutRolePolicy=ServiceFailure*8"]
    with staged(bundle, instance(profile=WEB), organization=WITH_ROLE, faults=faults) as stage:
        (incident,) = contain(stage, INSTANCE)
        assert stage.host()["profile"] == "cordon-quarantined"
        assert told(incident, "sessions") == "done: "
        assert set(role(stage)["inline"]) == {f"cordon-{incident.id}-denied", f"cordon-{incident.id}-revoked"}
        ((what, _, _),) = left(stage.deployment.release(incident.id))
        assert (what, role(stage)) == ("instance profile", AS_IT_BEGAN)


@pytest.mark.parametrize(("code", "kept"), [("Throttling", {"web"}), ("AccessDenied", set())])
def test_a_role_is_kept_although_it_can_not_be_reached_just_now(code: str, kept: set[str]) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "no"}}, "AssumeRole")
    explored = sessions.Explored(("web",), "", error, "2026-03-02T10:28:00.000Z")
    assert set(sessions.baseline(HOST, explored)["roles"]) == kept


def test_without_the_opt_in_role_nothing_is_half_done() -> None:
    bundle = rules("inline: true, revoke_sessions: true, profile: swap")
    with staged(bundle, instance(profile=WEB)) as stage:
        (incident,) = contain(stage, INSTANCE)
        assert told(incident, "sessions") == f"skipped: sessions of the role: {NOT_DEPLOYED}"
        assert told(incident, "profile") == f"skipped: instance profile: {NOT_DEPLOYED}"
        assert role(stage) == denied(INSTANCE)
        assert stage.host()["profile"] == "web-profile"
        assert left(stage.deployment.release(incident.id)) == []


def test_slots_used_up_without_the_opt_in_role_is_a_named_gap() -> None:
    with staged(rules("inline: true"), instance(profile=WEB)) as stage:
        taken = [{"Key": f"cordon-denied-{slot}", "Value": "theirs"} for slot in range(1, 5)]
        stage.visitor("iam").tag_role(RoleName="web", Tags=taken)
        (incident,) = contain(stage, INSTANCE)
        assert step(incident).error == "RoleSlotsUsed"
        assert role(stage)["attached"] == []
