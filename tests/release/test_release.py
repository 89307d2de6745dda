# SPDX-License-Identifier: Apache-2.0
"""A release gives back exactly what was taken, leaves alone what somebody else changed, and says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.incident.claim import Attempt
from functions.incident.model import RestoredItem, State
from functions.intake.result import Outcome
from functions.policy.model import Mode
from functions.release.release import WITHHELD, ReleaseError
from hub.simulation.world_spec import Eni, Organization, Profile, ScalingGroup, TargetGroup
from tests.conftest import Simulated
from tests.finding.findings import asff, native
from tests.intake.policies import C2, policy
from tests.release.shapes import SHAPES, facts
from tests.stage import INSTANCE, REGION, TARGET, Stage, instance, staged

SWAP = "ModifyNetworkInterfaceAttribute"
HOST = instance(enis=(Eni(("app", "db")), Eni(("web",))), volumes=2, tags={"status": "live"})


def release(stage: Stage) -> dict[str, RestoredItem]:
    """Release the only incident; return the items that were not restored."""
    record = stage.deployment.release(stage.incident.id)
    return {item.what: item for item in record.release if not item.restored}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_released_is_as_it_was(simulated: Simulated, shape: str) -> None:
    stage = simulated(SHAPES[shape].host)
    SHAPES[shape].prepare(stage)
    before = facts(stage)
    stage.deliver(asff())
    assert facts(stage) != before
    assert release(stage) == {}
    assert facts(stage) == before
    assert stage.incident.state is State.RELEASED
    assert stage.incident.clocks["released"] >= stage.incident.clocks["isolated"]


def test_evidence_is_kept(simulated: Simulated) -> None:
    stage = simulated(HOST)
    stage.deliver(asff())
    snapshots, incident = stage.simulation.world()["snapshots"], stage.incident
    release(stage)
    assert stage.simulation.world()["snapshots"] == snapshots
    after = stage.incident
    assert (after.baseline, after.findings, after.plan) == (incident.baseline, incident.findings, incident.plan)
    assert [step.receipt for step in after.steps] == [step.receipt for step in incident.steps]
    assert "released by" in after.timeline[-1][1]


def put_another_group_on(stage: Stage) -> str:
    interface = stage.host()["enis"][0]["id"]
    stage.visitor().modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[stage.group("web")])
    return f"groups of {interface}"


def add_a_group(stage: Stage) -> str:
    eni = stage.host()["enis"][1]
    groups = [*eni["groups"], stage.group("web")]
    stage.visitor().modify_network_interface_attribute(NetworkInterfaceId=eni["id"], Groups=groups)
    return f"groups of {eni['id']}"


def change_the_status(stage: Stage) -> str:
    stage.visitor().create_tags(Resources=[INSTANCE], Tags=[{"Key": "status", "Value": "under repair"}])
    return f"tag status of {INSTANCE}"


CHANGES: list[Callable[[Stage], str]] = [put_another_group_on, add_a_group, change_the_status]


@pytest.mark.parametrize("change", CHANGES)
def test_what_somebody_changed_is_left_alone_and_named(simulated: Simulated, change: Callable[[Stage], str]) -> None:
    stage = simulated(HOST)
    before = facts(stage)
    stage.deliver(asff())
    what = change(stage)
    changed = facts(stage)
    left = release(stage)
    assert set(left) == {what}
    assert "not what was set" in left[what].reason
    assert what in stage.incident.reason
    assert stage.incident.state is State.RELEASED
    # Everything else is as it was, and that one thing as somebody left it.
    after = facts(stage)
    for kind, entries in after.items():
        pairs = entries.items() if isinstance(entries, dict) else ()
        for key, value in pairs:
            assert value in (before[kind].get(key), changed[kind].get(key))
    assert after != before


def test_an_attribute_that_somebody_changed_is_left_alone(simulated: Simulated) -> None:
    stage = simulated(HOST)
    stage.visitor().modify_instance_attribute(
        InstanceId=INSTANCE, InstanceInitiatedShutdownBehavior={"Value": "terminate"}
    )
    stage.deliver(asff())
    ec2 = stage.visitor()
    ec2.modify_instance_attribute(InstanceId=INSTANCE, DisableApiStop={"Value": False})
    assert release(stage) == {}  # somebody put it back to what it was: nothing is left to do
    assert stage.host()["shutdown_behavior"] == "terminate"
    assert stage.incident.state is State.RELEASED


def test_a_group_that_is_gone_is_named_and_the_rest_restored(simulated: Simulated) -> None:
    stage = simulated(HOST)
    stage.deliver(asff())
    first, second = stage.host()["enis"]
    gone, app = stage.group("db"), stage.group("app")
    stage.visitor().delete_security_group(GroupId=gone)
    left = release(stage)
    assert set(left) == {f"groups of {first['id']}"}
    item = left[f"groups of {first['id']}"]
    assert f"{gone} no longer exists" in item.reason
    assert item.command == swapped_by_hand(first["id"], app, gone)
    assert stage.incident.state is State.RELEASED  # a further release could do no better
    # With fewer groups it is more closed than it was, never more open.
    assert stage.host()["enis"][0]["groups"] == [app]
    assert stage.host()["enis"][1]["groups"] == [stage.group("web")]
    assert second["groups"] == first["groups"]


def swapped_by_hand(interface: str, *groups: str) -> str:
    listed = " ".join(groups)
    return (
        f"aws ec2 modify-network-interface-attribute --network-interface-id {interface} --groups {listed} "
        f"--region {REGION}"
    )


def test_where_no_group_is_left_the_interface_stays_quarantined_and_the_host_out_of_service(
    simulated: Simulated,
) -> None:
    """In service it would fail its health check, and Auto Scaling would end it."""
    member = instance(enis=(Eni(("app", "db")), Eni(("web",))), scaling_group=ScalingGroup("web", min=0))
    stage = simulated(member, bundle=policy("steps: {scaling: {leave: standby}}\n"))
    stage.deliver(asff(C2))
    assert lifecycle(stage) == "Standby"
    first, second = stage.host()["enis"]
    before = stage.group("app"), stage.group("db"), stage.group("web")
    for name in before:
        stage.visitor().delete_security_group(GroupId=name)
    left = release(stage)
    assert [eni["groups"] for eni in stage.host()["enis"]] == [first["groups"], second["groups"]]
    assert left[f"groups of {first['id']}"].command == swapped_by_hand(first["id"], *before[:2])
    assert not left[f"groups of {first['id']}"].retry
    assert "stays quarantined" in left[f"groups of {first['id']}"].reason
    assert (left["scaling"].reason, left["scaling"].retry) == (WITHHELD, True)
    assert lifecycle(stage) == "Standby"
    assert stage.incident.state is State.RELEASING
    # Somebody makes another group and puts it on: then it comes back.
    made = stage.visitor().create_security_group(GroupName="app2", Description="a", VpcId=vpc(stage))["GroupId"]
    for eni in (first, second):
        stage.visitor().modify_network_interface_attribute(NetworkInterfaceId=eni["id"], Groups=[made])
    assert set(release(stage)) == {f"groups of {eni['id']}" for eni in (first, second)}
    assert lifecycle(stage) == "InService"
    assert stage.incident.state is State.RELEASED


def vpc(stage: Stage) -> str:
    return str(stage.visitor().describe_instances()["Reservations"][0]["Instances"][0]["VpcId"])


def lifecycle(stage: Stage) -> str:
    (group,) = stage.simulation.world()["scaling_groups"]
    return str(next(each["lifecycle"] for each in group["instances"] if each["id"] == INSTANCE))


def test_the_network_comes_back_before_the_host_goes_into_service(simulated: Simulated) -> None:
    member = instance(enis=(Eni(), Eni()), scaling_group=ScalingGroup("web", min=0))
    stage = simulated(member, bundle=policy("steps: {scaling: {leave: standby}}\n"))
    stage.deliver(asff(C2))
    stage.meet("ec2:ModifyNetworkInterfaceAttribute=RequestLimitExceeded")
    assert release(stage)["scaling"].reason == WITHHELD
    assert lifecycle(stage) == "Standby"
    calls = len(stage.calls())
    stage.meet()
    assert release(stage) == {}
    assert lifecycle(stage) == "InService"
    made = [call for call in stage.calls()[calls:] if call["operation"] in {SWAP, "ExitStandby"}]
    assert [call["operation"] for call in made] == [SWAP, SWAP, "ExitStandby"]
    # The primary interface last: whoever looks at the host by it sees it whole.
    swapped = [call["parameters"]["NetworkInterfaceId"] for call in made[:2]]
    assert swapped == [eni["id"] for eni in reversed(stage.host()["enis"])]


MEMBER = instance(
    profile=Profile("web-profile", "web"),
    scaling_group=ScalingGroup("web", min=0),
    target_groups=(TargetGroup("web", 8080),),
)


def swapped(options: str = "profile: swap") -> tuple[bytes, dict[str, Any]]:
    """Return a policy that takes the opt-in role, with what else the stage needs for it."""
    steps = f"steps: {{scaling: {{leave: standby}}, identity: {{{options}}}}}"
    bundle = policy(f"last_healthy_target: enforce\n{steps}\n")
    return bundle, {"organization": Organization(identity_role=True)}


def put_on(stage: Stage, profile: str) -> None:
    """Swap the host's profile as a person would who may pass its role."""
    ec2 = stage.visitor()
    (now,) = ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
    association = now["AssociationId"]
    ec2.replace_iam_instance_profile_association(AssociationId=association, IamInstanceProfile={"Name": profile})


def in_service(stage: Stage) -> tuple[str, list[str]]:
    """Return the host's state in its scaling group, and the target groups that have it."""
    groups = stage.simulation.world()["target_groups"]
    registered = [each["name"] for each in groups if INSTANCE in {target["id"] for target in each["targets"]}]
    return lifecycle(stage), registered


def test_a_host_that_wears_cordons_profile_stays_out_of_service_until_somebody_swaps_it() -> None:
    """With a role that may do nothing it would fail its health check, and Auto Scaling would end it."""
    bundle, organization = swapped()
    with staged(bundle, MEMBER, **organization) as stage:
        before = stage.host()
        stage.deliver(asff(C2))
        left = release(stage)
        assert {what: item.reason for what, item in left.items() if item.step != "profile"} == {
            "scaling": WITHHELD,
            "targets": WITHHELD,
        }
        assert left["instance profile"].command.startswith("aws ec2 replace-iam-instance-profile-association")
        assert (stage.incident.state, in_service(stage)) == (State.RELEASING, ("Standby", []))
        assert set(release(stage)) == set(left)
        put_on(stage, "web-profile")
        assert release(stage) == {}
        assert (stage.incident.state, in_service(stage)) == (State.RELEASED, ("InService", ["web"]))
        assert stage.host() == before


def test_a_host_goes_into_service_with_a_profile_that_somebody_chose() -> None:
    bundle, organization = swapped()
    with staged(bundle, MEMBER, **organization) as stage:
        stage.deliver(asff(C2))
        stage.visitor("iam").create_instance_profile(InstanceProfileName="repaired")
        put_on(stage, "repaired")
        assert set(release(stage)) == {"instance profile"}
        assert (stage.incident.state, in_service(stage)) == (State.RELEASED, ("InService", ["web"]))


@pytest.mark.parametrize("operation", ["UntagRole", "DetachRolePolicy", "DeleteRolePolicy"])
def test_a_host_whose_role_is_still_denied_stays_out_of_service(operation: str) -> None:
    bundle, organization = swapped("inline: true")
    with staged(bundle, MEMBER, **organization) as stage:
        stage.deliver(asff(C2))
        stage.meet(f"iam:{operation}=ServiceFailure")
        left = release(stage)
        assert (left["scaling"].reason, left["targets"].reason) == (WITHHELD, WITHHELD)
        assert (stage.incident.state, in_service(stage)) == (State.RELEASING, ("Standby", []))
        stage.meet()
        assert release(stage) == {}
        assert (stage.incident.state, in_service(stage)) == (State.RELEASED, ("InService", ["web"]))


def devices(stage: Stage) -> dict[str, str]:
    (described,) = stage.visitor().describe_instances()["Reservations"][0]["Instances"]
    return {each["Ebs"]["VolumeId"]: each["DeviceName"] for each in described["BlockDeviceMappings"]}


def test_whatever_is_left_is_told_with_what_a_person_would_type(simulated: Simulated) -> None:
    stage = simulated(HOST)
    stage.deliver(asff())
    refused = ("ModifyNetworkInterfaceAttribute", "ModifyInstanceAttribute", "DeleteTags", "CreateTags")
    stage.meet(*(f"ec2:{operation}=UnauthorizedOperation" for operation in refused))
    left = release(stage)
    volume = stage.host()["volumes"][0]["id"]
    device = devices(stage)[volume]
    first = stage.host()["enis"][0]["id"]
    app, db = stage.group("app"), stage.group("db")
    assert left[f"groups of {first}"].command == swapped_by_hand(first, app, db)
    commands = {
        "disableApiTermination": f"modify-instance-attribute --instance-id {INSTANCE} --no-disable-api-termination",
        f"{volume} DeleteOnTermination": f"modify-instance-attribute --instance-id {INSTANCE} --block-device-mappings "
        f"""'[{{"DeviceName":"{device}","Ebs":{{"DeleteOnTermination":true}}}}]'""",
        f"tag status of {INSTANCE}": f"create-tags --resources {INSTANCE} --tags "
        """'[{"Key":"status","Value":"live"}]'""",
        f"tag cordon:incident of {volume}": f"delete-tags --resources {volume} --tags "
        """'[{"Key":"cordon:incident"}]'""",
    }
    assert {what: left[what].command for what in commands} == {
        what: f"aws ec2 {command} --region {REGION}" for what, command in commands.items()
    }
    assert all(item.command for item in left.values())


def test_a_release_that_left_something_can_be_run_again(simulated: Simulated) -> None:
    stage = simulated(HOST)
    before = facts(stage)
    stage.deliver(asff())
    stage.meet("ec2:DeleteTags=UnauthorizedOperation")
    left = set(release(stage))
    assert left
    assert stage.incident.state is State.RELEASING
    assert "released" not in stage.incident.clocks
    assert set(release(stage)) == left
    stage.meet()
    assert release(stage) == {}
    assert facts(stage) == before
    assert stage.incident.state is State.RELEASED


def test_what_is_released_is_not_released_again(simulated: Simulated) -> None:
    stage = simulated()
    stage.deliver(asff())
    release(stage)
    calls = len(stage.calls())
    with pytest.raises(ReleaseError, match="is released: there is nothing to release"):
        release(stage)
    assert {call["operation"] for call in stage.calls()[calls:]} == {"Query"}


@pytest.mark.parametrize(("found", "state"), [({"Sample": True}, "observed"), (None, None)])
def test_what_was_never_contained_is_not_released(simulated: Simulated, found: Any, state: str | None) -> None:
    stage = simulated()
    incident = "inc-1kjq1eaw0-k57547jg"
    if found:
        stage.deliver(asff(**found))
        incident = stage.incident.id
    with pytest.raises(ReleaseError, match=f"is {state}" if state else "there is no incident"):
        stage.deployment.release(incident)


def test_a_host_that_somebody_works_on_is_not_released(simulated: Simulated) -> None:
    stage = simulated()
    stage.deliver(asff())
    hub = stage.hub()
    assert hub.claims.lease(TARGET, stage.incident.id, Attempt("theirs", "m")) is not None
    world = stage.simulation.world()
    with pytest.raises(ReleaseError, match="being worked on"):
        release(stage)
    assert stage.simulation.world() == world
    assert stage.incident.state is State.CONTAINED
    stage.simulation.clock.sleep(stage.deployment.settings.lease_seconds + 1)
    assert release(stage) == {}


def test_a_host_that_is_gone_is_released(simulated: Simulated) -> None:
    stage = simulated(instance(lifecycle="spot"))
    stage.deliver(asff())
    stage.visitor().terminate_instances(InstanceIds=[INSTANCE])
    record = stage.deployment.release(stage.incident.id)
    assert record.reason


@pytest.mark.parametrize("fault", ["sts:AssumeRole=AccessDenied", "ec2:DescribeInstances=UnauthorizedOperation"])
def test_where_there_is_no_way_in_nothing_is_released(simulated: Simulated, fault: str) -> None:
    stage = simulated(HOST)
    before = facts(stage)
    stage.deliver(asff())
    contained, record = facts(stage), stage.incident
    stage.meet(fault)
    with pytest.raises(ReleaseError, match=fault.partition("=")[2]):
        release(stage)
    assert facts(stage) == contained
    assert (stage.incident.state, stage.incident.steps) == (record.state, record.steps)
    stage.meet()
    assert release(stage) == {}
    assert facts(stage) == before


def test_one_refused_call_is_named_and_the_rest_restored(simulated: Simulated) -> None:
    stage = simulated(HOST)
    before = facts(stage)
    stage.deliver(asff())
    first, second = stage.host()["enis"]
    stage.meet("ec2:ModifyNetworkInterfaceAttribute=UnauthorizedOperation*1")
    left = release(stage)
    assert len(left) == 1
    assert set(left) < {f"groups of {first['id']}", f"groups of {second['id']}"}
    assert "UnauthorizedOperation" in next(iter(left.values())).reason
    assert facts(stage)["tags"] == before["tags"]
    assert stage.incident.state is State.RELEASING
    stage.meet()
    assert release(stage) == {}
    assert facts(stage) == before


def later(moment: str, **changes: Any) -> dict[str, Any]:
    return asff(LastObservedAt=moment, UpdatedAt=moment, **changes)


def test_earlier_activity_is_past_and_later_activity_asks(simulated: Simulated) -> None:
    stage = simulated()
    before = facts(stage)
    stage.deliver(asff())
    stage.simulation.clock.sleep(3600)
    release(stage)
    first = stage.incident
    (past,) = stage.deliver(later("2026-03-02T11:00:00.000Z", finding="b" * 32))
    assert past.outcome is Outcome.MERGED
    assert first.id in past.reason
    assert facts(stage) == before

    stage.simulation.clock.sleep(3600)
    (asked,) = stage.deliver(later("2026-03-02T12:00:00.000Z"))
    assert asked.outcome is Outcome.AWAITING_APPROVAL
    assert "released from an earlier incident" in asked.reason
    assert facts(stage) == before
    (second,) = [each for each in stage.deployment.incidents() if each.id != first.id]
    assert second.id > first.id
    assert (second.state, second.mode) == (State.AWAITING_APPROVAL, Mode.APPROVE)
    assert second.baseline == {}
    (kept,) = [each for each in stage.deployment.incidents() if each.id == first.id]
    assert kept.state is State.RELEASED

    (merged,) = stage.deliver(native())
    assert merged.outcome in {Outcome.MERGED, Outcome.DUPLICATE, Outcome.AWAITING_APPROVAL}
    assert facts(stage) == before


def test_tags_that_can_not_be_read_are_left_and_told_so(simulated: Simulated) -> None:
    stage = simulated(HOST)
    stage.deliver(asff())
    interface = stage.host()["enis"][0]["id"]
    stage.meet("ec2:DescribeNetworkInterfaces=UnauthorizedOperation")
    left = release(stage)
    why = "DescribeNetworkInterfaces: UnauthorizedOperation"
    assert left[f"tags of {interface}"].reason.startswith(f"they could not be read ({why}")
    assert stage.host()["enis"][1]["groups"] == [stage.group("web")]


def test_a_message_that_comes_again_after_the_release_does_not_contain_again(simulated: Simulated) -> None:
    stage = simulated(HOST, faults=["ec2:CreateTags=InternalError"])
    before = facts(stage)
    (handed,) = stage.hand_over(asff())
    assert handed.delivered.dead_lettered  # the tags never came, everything else did
    assert stage.incident.state is State.PARTIAL
    stage.meet()
    assert release(stage) == {}
    (again,) = stage.deliver(asff())
    assert again.outcome in {Outcome.DUPLICATE, Outcome.MERGED}
    assert facts(stage) == before


def test_a_containment_that_died_half_way_can_be_released(simulated: Simulated) -> None:
    stage = simulated(HOST, faults=["ec2:DescribeTags=crash-before*5"])
    before = facts(stage)
    (handed,) = stage.hand_over(asff())
    assert handed.delivered.dead_lettered
    assert stage.incident.state is State.CONTAINING
    stage.simulation.clock.sleep(stage.deployment.settings.lease_seconds + 1)
    assert release(stage) == {}
    assert facts(stage) == before


@pytest.mark.parametrize("half", [True, False])
def test_new_activity_on_a_released_host_is_told(simulated: Simulated, *, half: bool) -> None:
    """The network is open again, whole or but for a tag: whoever is back on the host must not go unnoticed."""
    stage = simulated(HOST)
    stage.deliver(asff())
    stage.simulation.clock.sleep(3600)
    if half:
        stage.meet("ec2:DeleteTags=UnauthorizedOperation")
    else:
        change_the_status(stage)
    release(stage)
    assert stage.incident.state is (State.RELEASING if half else State.RELEASED)
    stage.meet()
    told = len(stage.deployment.notifications())
    stage.simulation.clock.sleep(3600)
    (result,) = stage.deliver(later("2026-03-02T12:00:00.000Z", finding="b" * 32))
    assert result.outcome is not Outcome.MERGED
    assert len(stage.deployment.notifications()) > told
