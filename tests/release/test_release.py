# SPDX-License-Identifier: Apache-2.0
"""A release gives back exactly what was taken, leaves alone what somebody else changed, and says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.incident.model import LeaseHolder, RestoredItem, State
from functions.intake.result import Outcome
from functions.policy.model import Mode
from functions.release.release import WITHHELD, ReleaseError
from hub.simulation.world_spec import Eni, OrganizationSpec, Profile, ScalingGroup, TargetGroupSpec
from tests.conftest import NewScenario
from tests.finding.findings import asff, native
from tests.intake.policies import C2, policy
from tests.release.shapes import SHAPES, facts
from tests.scenario import INSTANCE, REGION, TARGET, Scenario, instance, open_scenario

SWAP = "ModifyNetworkInterfaceAttribute"
HOST = instance(enis=(Eni(("app", "db")), Eni(("web",))), volumes=2, tags={"status": "live"})


def release(scenario: Scenario) -> dict[str, RestoredItem]:
    """Release the only incident; return the items that were not restored."""
    record = scenario.deployment.release(scenario.incident.id)
    return {item.what: item for item in record.release if not item.restored}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_released_is_as_it_was(new_scenario: NewScenario, shape: str) -> None:
    scenario = new_scenario(SHAPES[shape].host)
    SHAPES[shape].prepare(scenario)
    before = facts(scenario)
    scenario.deliver(asff())
    assert facts(scenario) != before
    assert release(scenario) == {}
    assert facts(scenario) == before
    assert scenario.incident.state is State.RELEASED
    assert scenario.incident.clocks["released"] >= scenario.incident.clocks["isolated"]


def test_evidence_is_kept(new_scenario: NewScenario) -> None:
    scenario = new_scenario(HOST)
    scenario.deliver(asff())
    snapshots, incident = scenario.simulation.world()["snapshots"], scenario.incident
    release(scenario)
    assert scenario.simulation.world()["snapshots"] == snapshots
    after = scenario.incident
    assert (after.baseline, after.findings, after.plan) == (incident.baseline, incident.findings, incident.plan)
    assert [step.receipt for step in after.steps] == [step.receipt for step in incident.steps]
    assert "released by" in after.timeline[-1][1]


def put_another_group_on(scenario: Scenario) -> str:
    interface = scenario.host()["enis"][0]["id"]
    scenario.other_client().modify_network_interface_attribute(
        NetworkInterfaceId=interface, Groups=[scenario.group("web")]
    )
    return f"groups of {interface}"


def add_a_group(scenario: Scenario) -> str:
    eni = scenario.host()["enis"][1]
    groups = [*eni["groups"], scenario.group("web")]
    scenario.other_client().modify_network_interface_attribute(NetworkInterfaceId=eni["id"], Groups=groups)
    return f"groups of {eni['id']}"


def change_the_status(scenario: Scenario) -> str:
    scenario.other_client().create_tags(Resources=[INSTANCE], Tags=[{"Key": "status", "Value": "under repair"}])
    return f"tag status of {INSTANCE}"


CHANGES: list[Callable[[Scenario], str]] = [put_another_group_on, add_a_group, change_the_status]


@pytest.mark.parametrize("change", CHANGES)
def test_what_somebody_changed_is_left_alone_and_named(
    new_scenario: NewScenario, change: Callable[[Scenario], str]
) -> None:
    scenario = new_scenario(HOST)
    before = facts(scenario)
    scenario.deliver(asff())
    what = change(scenario)
    changed = facts(scenario)
    left = release(scenario)
    assert set(left) == {what}
    assert "not what was set" in left[what].reason
    assert what in scenario.incident.reason
    assert scenario.incident.state is State.RELEASED
    # Everything else is as it was, and that one thing as somebody left it.
    after = facts(scenario)
    for kind, entries in after.items():
        pairs = entries.items() if isinstance(entries, dict) else ()
        for key, value in pairs:
            assert value in (before[kind].get(key), changed[kind].get(key))
    assert after != before


def test_an_attribute_that_somebody_changed_is_left_alone(new_scenario: NewScenario) -> None:
    scenario = new_scenario(HOST)
    scenario.other_client().modify_instance_attribute(
        InstanceId=INSTANCE, InstanceInitiatedShutdownBehavior={"Value": "terminate"}
    )
    scenario.deliver(asff())
    ec2 = scenario.other_client()
    ec2.modify_instance_attribute(InstanceId=INSTANCE, DisableApiStop={"Value": False})
    assert release(scenario) == {}  # somebody put it back to what it was: nothing is left to do
    assert scenario.host()["shutdown_behavior"] == "terminate"
    assert scenario.incident.state is State.RELEASED


def test_a_group_that_is_gone_is_named_and_the_rest_restored(new_scenario: NewScenario) -> None:
    scenario = new_scenario(HOST)
    scenario.deliver(asff())
    first, second = scenario.host()["enis"]
    gone, app = scenario.group("db"), scenario.group("app")
    scenario.other_client().delete_security_group(GroupId=gone)
    left = release(scenario)
    assert set(left) == {f"groups of {first['id']}"}
    item = left[f"groups of {first['id']}"]
    assert f"{gone} no longer exists" in item.reason
    assert item.command == swapped_by_hand(first["id"], app, gone)
    assert scenario.incident.state is State.RELEASED  # a further release could do no better
    # With fewer groups it is more closed than it was, never more open.
    assert scenario.host()["enis"][0]["groups"] == [app]
    assert scenario.host()["enis"][1]["groups"] == [scenario.group("web")]
    assert second["groups"] == first["groups"]


def swapped_by_hand(interface: str, *groups: str) -> str:
    listed = " ".join(groups)
    return (
        f"aws ec2 modify-network-interface-attribute --network-interface-id {interface} --groups {listed} "
        f"--region {REGION}"
    )


def test_where_no_group_is_left_the_interface_stays_quarantined_and_the_host_out_of_service(
    new_scenario: NewScenario,
) -> None:
    """In service it would fail its health check, and Auto Scaling would end it."""
    member = instance(enis=(Eni(("app", "db")), Eni(("web",))), scaling_group=ScalingGroup("web", min=0))
    scenario = new_scenario(member, bundle=policy("steps: {scaling: {leave: standby}}\n"))
    scenario.deliver(asff(C2))
    assert lifecycle(scenario) == "Standby"
    first, second = scenario.host()["enis"]
    before = scenario.group("app"), scenario.group("db"), scenario.group("web")
    for name in before:
        scenario.other_client().delete_security_group(GroupId=name)
    left = release(scenario)
    assert [eni["groups"] for eni in scenario.host()["enis"]] == [first["groups"], second["groups"]]
    assert left[f"groups of {first['id']}"].command == swapped_by_hand(first["id"], *before[:2])
    assert not left[f"groups of {first['id']}"].retry
    assert "stays quarantined" in left[f"groups of {first['id']}"].reason
    assert (left["scaling"].reason, left["scaling"].retry) == (WITHHELD, True)
    assert lifecycle(scenario) == "Standby"
    assert scenario.incident.state is State.RELEASING
    # Somebody makes another group and puts it on: then it comes back.
    made = scenario.other_client().create_security_group(GroupName="app2", Description="a", VpcId=vpc(scenario))[
        "GroupId"
    ]
    for eni in (first, second):
        scenario.other_client().modify_network_interface_attribute(NetworkInterfaceId=eni["id"], Groups=[made])
    assert set(release(scenario)) == {f"groups of {eni['id']}" for eni in (first, second)}
    assert lifecycle(scenario) == "InService"
    assert scenario.incident.state is State.RELEASED


def vpc(scenario: Scenario) -> str:
    return str(scenario.other_client().describe_instances()["Reservations"][0]["Instances"][0]["VpcId"])


def lifecycle(scenario: Scenario) -> str:
    (group,) = scenario.simulation.world()["scaling_groups"]
    return str(next(each["lifecycle"] for each in group["instances"] if each["id"] == INSTANCE))


def test_the_network_comes_back_before_the_host_goes_into_service(new_scenario: NewScenario) -> None:
    member = instance(enis=(Eni(), Eni()), scaling_group=ScalingGroup("web", min=0))
    scenario = new_scenario(member, bundle=policy("steps: {scaling: {leave: standby}}\n"))
    scenario.deliver(asff(C2))
    scenario.inject_faults("ec2:ModifyNetworkInterfaceAttribute=RequestLimitExceeded")
    assert release(scenario)["scaling"].reason == WITHHELD
    assert lifecycle(scenario) == "Standby"
    calls = len(scenario.calls())
    scenario.inject_faults()
    assert release(scenario) == {}
    assert lifecycle(scenario) == "InService"
    made = [call for call in scenario.calls()[calls:] if call["operation"] in {SWAP, "ExitStandby"}]
    assert [call["operation"] for call in made] == [SWAP, SWAP, "ExitStandby"]
    # The primary interface last: whoever looks at the host by it sees it whole.
    swapped = [call["parameters"]["NetworkInterfaceId"] for call in made[:2]]
    assert swapped == [eni["id"] for eni in reversed(scenario.host()["enis"])]


MEMBER = instance(
    profile=Profile("web-profile", "web"),
    scaling_group=ScalingGroup("web", min=0),
    target_groups=(TargetGroupSpec("web", 8080),),
)


def swapped(options: str = "instance_profile: swap") -> tuple[bytes, dict[str, Any]]:
    """Return a policy that takes the opt-in role, with what else the scenario needs for it."""
    steps = f"steps: {{scaling: {{leave: standby}}, role_denial: {{{options}}}}}"
    bundle = policy(f"last_healthy_target: enforce\n{steps}\n")
    return bundle, {"organization": OrganizationSpec(identity_role=True)}


def put_on(scenario: Scenario, profile: str) -> None:
    """Swap the host's profile as a person would who may pass its role."""
    ec2 = scenario.other_client()
    (now,) = ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
    association = now["AssociationId"]
    ec2.replace_iam_instance_profile_association(AssociationId=association, IamInstanceProfile={"Name": profile})


def in_service(scenario: Scenario) -> tuple[str, list[str]]:
    """Return the host's state in its scaling group, and the target groups that have it."""
    groups = scenario.simulation.world()["target_groups"]
    registered = [each["name"] for each in groups if INSTANCE in {target["id"] for target in each["targets"]}]
    return lifecycle(scenario), registered


def test_a_host_that_wears_cordons_profile_stays_out_of_service_until_somebody_swaps_it() -> None:
    """With a role that may do nothing it would fail its health check, and Auto Scaling would end it."""
    bundle, organization = swapped()
    with open_scenario(bundle, MEMBER, **organization) as scenario:
        before = scenario.host()
        scenario.deliver(asff(C2))
        left = release(scenario)
        assert {what: item.reason for what, item in left.items() if item.step != "instance_profile"} == {
            "scaling": WITHHELD,
            "targets": WITHHELD,
        }
        assert left["instance profile"].command.startswith("aws ec2 replace-iam-instance-profile-association")
        assert (scenario.incident.state, in_service(scenario)) == (State.RELEASING, ("Standby", []))
        assert set(release(scenario)) == set(left)
        put_on(scenario, "web-profile")
        assert release(scenario) == {}
        assert (scenario.incident.state, in_service(scenario)) == (State.RELEASED, ("InService", ["web"]))
        assert scenario.host() == before


def test_a_host_goes_into_service_with_a_profile_that_somebody_chose() -> None:
    bundle, organization = swapped()
    with open_scenario(bundle, MEMBER, **organization) as scenario:
        scenario.deliver(asff(C2))
        scenario.other_client("iam").create_instance_profile(InstanceProfileName="repaired")
        put_on(scenario, "repaired")
        assert set(release(scenario)) == {"instance profile"}
        assert (scenario.incident.state, in_service(scenario)) == (State.RELEASED, ("InService", ["web"]))


@pytest.mark.parametrize("operation", ["UntagRole", "DetachRolePolicy", "DeleteRolePolicy"])
def test_a_host_whose_role_is_still_denied_stays_out_of_service(operation: str) -> None:
    bundle, organization = swapped("inline: true")
    with open_scenario(bundle, MEMBER, **organization) as scenario:
        scenario.deliver(asff(C2))
        scenario.inject_faults(f"iam:{operation}=ServiceFailure")
        left = release(scenario)
        assert (left["scaling"].reason, left["targets"].reason) == (WITHHELD, WITHHELD)
        assert (scenario.incident.state, in_service(scenario)) == (State.RELEASING, ("Standby", []))
        scenario.inject_faults()
        assert release(scenario) == {}
        assert (scenario.incident.state, in_service(scenario)) == (State.RELEASED, ("InService", ["web"]))


def devices(scenario: Scenario) -> dict[str, str]:
    (described,) = scenario.other_client().describe_instances()["Reservations"][0]["Instances"]
    return {each["Ebs"]["VolumeId"]: each["DeviceName"] for each in described["BlockDeviceMappings"]}


def test_whatever_is_left_is_told_with_what_a_person_would_type(new_scenario: NewScenario) -> None:
    scenario = new_scenario(HOST)
    scenario.deliver(asff())
    refused = ("ModifyNetworkInterfaceAttribute", "ModifyInstanceAttribute", "DeleteTags", "CreateTags")
    scenario.inject_faults(*(f"ec2:{operation}=UnauthorizedOperation" for operation in refused))
    left = release(scenario)
    volume = scenario.host()["volumes"][0]["id"]
    device = devices(scenario)[volume]
    first = scenario.host()["enis"][0]["id"]
    app, db = scenario.group("app"), scenario.group("db")
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


def test_a_release_that_left_something_can_be_run_again(new_scenario: NewScenario) -> None:
    scenario = new_scenario(HOST)
    before = facts(scenario)
    scenario.deliver(asff())
    scenario.inject_faults("ec2:DeleteTags=UnauthorizedOperation")
    left = set(release(scenario))
    assert left
    assert scenario.incident.state is State.RELEASING
    assert "released" not in scenario.incident.clocks
    assert set(release(scenario)) == left
    scenario.inject_faults()
    assert release(scenario) == {}
    assert facts(scenario) == before
    assert scenario.incident.state is State.RELEASED


def test_what_is_released_is_not_released_again(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    scenario.deliver(asff())
    release(scenario)
    calls = len(scenario.calls())
    with pytest.raises(ReleaseError, match="is released: there is nothing to release"):
        release(scenario)
    assert {call["operation"] for call in scenario.calls()[calls:]} == {"Query"}


@pytest.mark.parametrize(("found", "state"), [({"Sample": True}, "observed"), (None, None)])
def test_what_was_never_contained_is_not_released(new_scenario: NewScenario, found: Any, state: str | None) -> None:
    scenario = new_scenario()
    incident = "inc-1kjq1eaw0-k57547jg"
    if found:
        scenario.deliver(asff(**found))
        incident = scenario.incident.id
    with pytest.raises(ReleaseError, match=f"is {state}" if state else "there is no incident"):
        scenario.deployment.release(incident)


def test_a_host_that_somebody_works_on_is_not_released(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    scenario.deliver(asff())
    services = scenario.services()
    assert services.claims.lease(TARGET, scenario.incident.id, LeaseHolder("theirs", "m")) is not None
    world = scenario.simulation.world()
    with pytest.raises(ReleaseError, match="being worked on"):
        release(scenario)
    assert scenario.simulation.world() == world
    assert scenario.incident.state is State.CONTAINED
    scenario.simulation.clock.sleep(scenario.deployment.settings.lease_seconds + 1)
    assert release(scenario) == {}


def test_a_host_that_is_gone_is_released(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(lifecycle="spot"))
    scenario.deliver(asff())
    scenario.other_client().terminate_instances(InstanceIds=[INSTANCE])
    record = scenario.deployment.release(scenario.incident.id)
    assert record.reason


@pytest.mark.parametrize("fault", ["sts:AssumeRole=AccessDenied", "ec2:DescribeInstances=UnauthorizedOperation"])
def test_where_there_is_no_way_in_nothing_is_released(new_scenario: NewScenario, fault: str) -> None:
    scenario = new_scenario(HOST)
    before = facts(scenario)
    scenario.deliver(asff())
    contained, record = facts(scenario), scenario.incident
    scenario.inject_faults(fault)
    with pytest.raises(ReleaseError, match=fault.partition("=")[2]):
        release(scenario)
    assert facts(scenario) == contained
    assert (scenario.incident.state, scenario.incident.steps) == (record.state, record.steps)
    scenario.inject_faults()
    assert release(scenario) == {}
    assert facts(scenario) == before


def test_one_refused_call_is_named_and_the_rest_restored(new_scenario: NewScenario) -> None:
    scenario = new_scenario(HOST)
    before = facts(scenario)
    scenario.deliver(asff())
    first, second = scenario.host()["enis"]
    scenario.inject_faults("ec2:ModifyNetworkInterfaceAttribute=UnauthorizedOperation*1")
    left = release(scenario)
    assert len(left) == 1
    assert set(left) < {f"groups of {first['id']}", f"groups of {second['id']}"}
    assert "UnauthorizedOperation" in next(iter(left.values())).reason
    assert facts(scenario)["tags"] == before["tags"]
    assert scenario.incident.state is State.RELEASING
    scenario.inject_faults()
    assert release(scenario) == {}
    assert facts(scenario) == before


def later(moment: str, **changes: Any) -> dict[str, Any]:
    return asff(LastObservedAt=moment, UpdatedAt=moment, **changes)


def test_earlier_activity_is_past_and_later_activity_asks(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    before = facts(scenario)
    scenario.deliver(asff())
    scenario.simulation.clock.sleep(3600)
    release(scenario)
    first = scenario.incident
    (past,) = scenario.deliver(later("2026-03-02T11:00:00.000Z", finding="b" * 32))
    assert past.outcome is Outcome.MERGED
    assert first.id in past.reason
    assert facts(scenario) == before

    scenario.simulation.clock.sleep(3600)
    (asked,) = scenario.deliver(later("2026-03-02T12:00:00.000Z"))
    assert asked.outcome is Outcome.AWAITING_APPROVAL
    assert "released from an earlier incident" in asked.reason
    assert facts(scenario) == before
    (second,) = [each for each in scenario.deployment.incidents() if each.id != first.id]
    assert second.id > first.id
    assert (second.state, second.mode) == (State.AWAITING_APPROVAL, Mode.APPROVE)
    assert second.baseline == {}
    (kept,) = [each for each in scenario.deployment.incidents() if each.id == first.id]
    assert kept.state is State.RELEASED

    (merged,) = scenario.deliver(native())
    assert merged.outcome in {Outcome.MERGED, Outcome.DUPLICATE, Outcome.AWAITING_APPROVAL}
    assert facts(scenario) == before


def test_tags_that_can_not_be_read_are_left_and_told_so(new_scenario: NewScenario) -> None:
    scenario = new_scenario(HOST)
    scenario.deliver(asff())
    interface = scenario.host()["enis"][0]["id"]
    scenario.inject_faults("ec2:DescribeNetworkInterfaces=UnauthorizedOperation")
    left = release(scenario)
    why = "DescribeNetworkInterfaces: UnauthorizedOperation"
    assert left[f"tags of {interface}"].reason.startswith(f"they could not be read ({why}")
    assert scenario.host()["enis"][1]["groups"] == [scenario.group("web")]


def test_a_message_that_comes_again_after_the_release_does_not_contain_again(new_scenario: NewScenario) -> None:
    scenario = new_scenario(HOST, faults=["ec2:CreateTags=InternalError"])
    before = facts(scenario)
    (handed,) = scenario.hand_over(asff())
    assert handed.delivered.dead_lettered  # the tags never came, everything else did
    assert scenario.incident.state is State.PARTIAL
    scenario.inject_faults()
    assert release(scenario) == {}
    (again,) = scenario.deliver(asff())
    assert again.outcome in {Outcome.DUPLICATE, Outcome.MERGED}
    assert facts(scenario) == before


def test_a_containment_that_died_half_way_can_be_released(new_scenario: NewScenario) -> None:
    scenario = new_scenario(HOST, faults=["ec2:DescribeTags=crash-before*5"])
    before = facts(scenario)
    (handed,) = scenario.hand_over(asff())
    assert handed.delivered.dead_lettered
    assert scenario.incident.state is State.CONTAINING
    scenario.simulation.clock.sleep(scenario.deployment.settings.lease_seconds + 1)
    assert release(scenario) == {}
    assert facts(scenario) == before


@pytest.mark.parametrize("half", [True, False])
def test_new_activity_on_a_released_host_is_told(new_scenario: NewScenario, *, half: bool) -> None:
    """The network is open again, whole or but for a tag: whoever is back on the host must not go unnoticed."""
    scenario = new_scenario(HOST)
    scenario.deliver(asff())
    scenario.simulation.clock.sleep(3600)
    if half:
        scenario.inject_faults("ec2:DeleteTags=UnauthorizedOperation")
    else:
        change_the_status(scenario)
    release(scenario)
    assert scenario.incident.state is (State.RELEASING if half else State.RELEASED)
    scenario.inject_faults()
    told = len(scenario.deployment.notifications())
    scenario.simulation.clock.sleep(3600)
    (result,) = scenario.deliver(later("2026-03-02T12:00:00.000Z", finding="b" * 32))
    assert result.outcome is not Outcome.MERGED
    assert len(scenario.deployment.notifications()) > told
