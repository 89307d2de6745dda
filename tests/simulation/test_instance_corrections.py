# SPDX-License-Identifier: Apache-2.0
"""Instances, snapshots and scaling groups behave as AWS's, one correction of moto at a time."""

from __future__ import annotations

from typing import Any

import pytest

from hub.simulation.simulation import Simulation
from hub.simulation.world_spec import Eni, ScalingGroup, TargetGroupSpec
from tests.simulation.worlds import INSTANCE, instance, member, refusal, world

PROTECTIONS: list[tuple[dict[str, Any], str, Any]] = [
    ({"DisableApiTermination": {"Value": True}}, "termination_protection", True),
    ({"DisableApiStop": {"Value": True}}, "stop_protection", True),
    ({"InstanceInitiatedShutdownBehavior": {"Value": "terminate"}}, "shutdown_behavior", "terminate"),
]


@pytest.mark.parametrize(("change", "fact", "value"), PROTECTIONS)
def test_an_attribute_changes_and_is_described(change: dict[str, Any], fact: str, value: Any) -> None:
    with Simulation(world()) as simulation:
        ec2 = member(simulation, "ec2")
        ec2.modify_instance_attribute(InstanceId=INSTANCE, **change)
        (after,) = simulation.world()["instances"]
        assert after[fact] == value
        (name,) = change
        attribute = name[0].lower() + name[1:]
        described = ec2.describe_instance_attribute(InstanceId=INSTANCE, Attribute=attribute)
        assert described[name] == change[name]
        # The groups stay: moto drops them on a change that it does not know.
        assert len(after["enis"][0]["groups"]) == 1


@pytest.mark.parametrize(
    ("fields", "change", "code"),
    [
        ({"lifecycle": "spot"}, PROTECTIONS[0][0], "UnsupportedOperation"),
        ({"lifecycle": "spot"}, PROTECTIONS[1][0], "UnsupportedOperation"),
        ({"lifecycle": "spot"}, PROTECTIONS[2][0], None),
        ({"managed_by": "eks-auto"}, PROTECTIONS[0][0], "OperationNotPermitted"),
        ({"state": "terminated"}, PROTECTIONS[0][0], "IncorrectInstanceState"),
        ({"state": "stopped"}, PROTECTIONS[0][0], None),
        ({}, {**PROTECTIONS[0][0], **PROTECTIONS[1][0]}, "InvalidParameterCombination"),
        ({}, {}, "InvalidParameterCombination"),
        ({"enis": (Eni(), Eni())}, {"Groups": ["sg-0123456789abcdef0"]}, "InvalidInstanceID"),
        ({}, {"Groups": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ({}, {"BlockDeviceMappings": [{"DeviceName": "/dev/xvdz", "Ebs": {"DeleteOnTermination": False}}]}, "Invalid"),
    ],
)
def test_what_ec2_refuses_is_refused(fields: dict[str, Any], change: dict[str, Any], code: str | None) -> None:
    with Simulation(world(instance(**fields))) as simulation:
        ec2 = member(simulation, "ec2")
        before = simulation.world()
        found = refusal(ec2.modify_instance_attribute, InstanceId=INSTANCE, **change)
        assert (found or "").startswith(code or "")
        assert (found is None) == (code is None)
        if code is not None:
            assert simulation.world() == before


def test_volumes_are_kept_one_by_one() -> None:
    with Simulation(world(instance(volumes=2))) as simulation:
        ec2 = member(simulation, "ec2")
        mapping = [{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}]
        ec2.modify_instance_attribute(InstanceId=INSTANCE, BlockDeviceMappings=mapping)
        described = ec2.describe_instances()["Reservations"][0]["Instances"][0]["BlockDeviceMappings"]
        kept = {each["DeviceName"]: each["Ebs"]["DeleteOnTermination"] for each in described}
        assert kept == {"/dev/xvda": False, "/dev/sdf": True}
        ec2.terminate_instances(InstanceIds=[INSTANCE])
        assert len(ec2.describe_volumes()["Volumes"]) == 1


def test_a_terminated_instance_has_nothing_left() -> None:
    with Simulation(world(instance(state="terminated", public_ip="auto"))) as simulation:
        ec2 = member(simulation, "ec2")
        (gone,) = ec2.describe_instances(InstanceIds=[INSTANCE])["Reservations"][0]["Instances"]
        assert gone["State"]["Name"] == "terminated"
        assert (gone["NetworkInterfaces"], gone["BlockDeviceMappings"], gone["SecurityGroups"]) == ([], [], [])
        assert not {"VpcId", "SubnetId", "PrivateIpAddress", "PublicIpAddress"} & gone.keys()
        assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
        specification = {"InstanceId": INSTANCE}
        assert refusal(ec2.create_snapshots, InstanceSpecification=specification) == "IncorrectInstanceState"
        assert simulation.world()["instances"][0]["enis"] == []


def test_managed_instances_are_neither_stopped_nor_terminated() -> None:
    with Simulation(world(instance(managed_by="eks-auto"))) as simulation:
        ec2 = member(simulation, "ec2")
        described = ec2.describe_instances()["Reservations"][0]["Instances"][0]
        assert described["Operator"]["Managed"] is True
        assert refusal(ec2.stop_instances, InstanceIds=[INSTANCE]) == "OperationNotPermitted"
        assert refusal(ec2.terminate_instances, InstanceIds=[INSTANCE]) == "OperationNotPermitted"


def test_tags_go_on_what_exists_and_off_where_the_value_fits() -> None:
    with Simulation(world(instance(tags={"status": "ok"}))) as simulation:
        ec2 = member(simulation, "ec2")
        tags = [{"Key": "status", "Value": "isolated"}]
        unknown = refusal(ec2.create_tags, Resources=[INSTANCE, "i-0123456789abcdef0"], Tags=tags)
        assert unknown == "InvalidInstanceID.NotFound"
        assert simulation.world()["instances"][0]["tags"] == {"status": "ok"}
        ec2.create_tags(Resources=[INSTANCE], Tags=tags)
        ec2.delete_tags(Resources=[INSTANCE], Tags=[{"Key": "status", "Value": "ok"}])
        assert simulation.world()["instances"][0]["tags"] == {"status": "isolated"}
        ec2.delete_tags(Resources=[INSTANCE], Tags=[{"Key": "status"}])
        assert simulation.world()["instances"][0]["tags"] == {}


def test_a_snapshot_set_covers_every_volume_and_is_tagged_from_the_start() -> None:
    with Simulation(world(instance(volumes=3))) as simulation:
        ec2 = member(simulation, "ec2")
        tags = [{"Key": "cordon:incident", "Value": "inc-1"}]
        made = ec2.create_snapshots(
            InstanceSpecification={"InstanceId": INSTANCE},
            TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}],
        )["Snapshots"]
        volumes = {each["id"] for each in simulation.world()["instances"][0]["volumes"]}
        assert {each["VolumeId"] for each in made} == volumes
        assert {(each["State"], each["Tags"][0]["Value"]) for each in made} == {("pending", "inc-1")}
        assert {each["StartTime"].date() for each in made} == {simulation.clock.now().date()}
        one = ec2.create_snapshot(
            VolumeId=made[0]["VolumeId"], TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}]
        )
        found = ec2.describe_snapshots(
            OwnerIds=["self"], Filters=[{"Name": "tag:cordon:incident", "Values": ["inc-1"]}]
        )
        assert {each["SnapshotId"] for each in found["Snapshots"]} == {
            one["SnapshotId"],
            *(each["SnapshotId"] for each in made),
        }
        assert ec2.describe_snapshots(OwnerIds=["123412341234"])["Snapshots"] == []
        assert len(simulation.world()["snapshots"]) == 4


GROUP = {"scaling_group": ScalingGroup("web", 1, 2, 2), "target_groups": (TargetGroupSpec("web", 8080),)}


def test_standby_and_back() -> None:
    with Simulation(world(instance(**GROUP))) as simulation:
        scaling = member(simulation, "autoscaling")
        names = {"AutoScalingGroupName": "web", "InstanceIds": [INSTANCE]}
        scaling.enter_standby(**names, ShouldDecrementDesiredCapacity=True)
        after = simulation.world()
        assert after["scaling_groups"][0]["desired"] == 1
        assert after["scaling_groups"][0]["instances"] == [{"id": INSTANCE, "lifecycle": "Standby", "protected": False}]
        assert after["target_groups"][0]["targets"] == []
        assert len(after["instances"]) == 1
        scaling.exit_standby(**names)
        assert simulation.world()["scaling_groups"][0]["desired"] == 2
        assert simulation.world()["target_groups"][0]["targets"] == [{"id": INSTANCE, "port": 8080, "state": "healthy"}]


def test_capacity_stays_within_its_limits() -> None:
    with Simulation(world(instance(scaling_group=ScalingGroup("web", 2, 2, 2)))) as simulation:
        scaling = member(simulation, "autoscaling")
        names = {"AutoScalingGroupName": "web", "InstanceIds": [INSTANCE]}
        leave = {**names, "ShouldDecrementDesiredCapacity": True}
        assert refusal(scaling.enter_standby, **leave) == "ValidationError"
        assert refusal(scaling.detach_instances, **leave) == "ValidationError"
        # Without decrement a replacement comes.
        scaling.detach_instances(**names, ShouldDecrementDesiredCapacity=False)
        assert simulation.world()["scaling_groups"][0]["desired"] == 2
        assert len(simulation.world()["instances"]) == 2
        assert refusal(scaling.attach_instances, **names) == "ValidationError"
        assert refusal(scaling.detach_instances, **leave) == "ValidationError"


def test_an_instance_outside_any_group_is_simply_not_described() -> None:
    with Simulation(world()) as simulation:
        found = member(simulation, "autoscaling").describe_auto_scaling_instances(InstanceIds=[INSTANCE])
        assert found["AutoScalingInstances"] == []


def test_deregistering_wants_the_port_and_minds_no_stranger() -> None:
    with Simulation(world(instance(target_groups=(TargetGroupSpec("web", 8080),)))) as simulation:
        balancing = member(simulation, "elbv2")
        arn = balancing.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
        for target, left in (
            ({"Id": "i-0123456789abcdef0"}, 1),
            ({"Id": INSTANCE, "Port": 9090}, 1),
            ({"Id": INSTANCE, "Port": 8080}, 0),
            ({"Id": INSTANCE, "Port": 8080}, 0),
        ):
            balancing.deregister_targets(TargetGroupArn=arn, Targets=[target])
            assert len(simulation.world()["target_groups"][0]["targets"]) == left
