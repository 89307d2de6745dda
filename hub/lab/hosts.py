# SPDX-License-Identifier: Apache-2.0
"""Hosts to be contained, made in a member account as its own people would make them: by AWS's APIs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from functions.finding.model import Target
from hub.lab.clients import LabClients
from hub.lab.door import About
from hub.lab.errors import UnsendableFindingError

_IMAGE = "ami-12c6146b"
"""One that moto knows."""


@dataclass(frozen=True, slots=True)
class LabHost:
    """An instance with its interfaces, volumes and what they wore when it was made."""

    account: str
    region: str
    vpc: str
    instance: str
    interfaces: tuple[str, ...]
    volumes: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]


class HostBuilder:
    """Makes a VPC in an account and Region, and hosts in it."""

    def __init__(self, clients: LabClients, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self._clients = clients
        self._ec2 = clients.root("ec2", account, region)
        self.vpc = self._ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        self._subnet = self._ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]

    def group(self, name: str, port: int) -> str:
        """Make a security group that allows one port from everywhere."""
        group = self._ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]
        anyone: list[Any] = [{"CidrIp": "0.0.0.0/0"}]
        permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": anyone}
        self._ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
        return str(group)

    def host(
        self, name: str, groups: tuple[tuple[str, ...], ...], volumes: int = 1, profile: str | None = None
    ) -> LabHost:
        """Make a running instance: an interface for each tuple of groups, so many volumes, this instance profile."""
        worn_profile: Any = {"IamInstanceProfile": {"Name": profile}} if profile else {}
        made = self._ec2.run_instances(
            ImageId=_IMAGE,
            InstanceType="m5.large",
            MinCount=1,
            MaxCount=1,
            SubnetId=self._subnet,
            SecurityGroupIds=list(groups[0]),
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}],
            **worn_profile,
        )["Instances"][0]["InstanceId"]
        for index, worn in enumerate(groups[1:], start=1):
            self._attach_interface(made, index, worn)
        for number in range(1, volumes):
            self._attach_volume(made, number)
        return look(self._ec2, self.account, self.region, made)

    def profile(self, role: str, path: str = "/") -> str:
        """Make a role for instances, and an instance profile of another name with it; return the profile's name."""
        iam = self._clients.root("iam", self.account, self.region)
        trusted = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
        iam.create_role(RoleName=role, Path=path, AssumeRolePolicyDocument=json.dumps({"Statement": [trusted]}))
        profile = f"{role}-profile"
        iam.create_instance_profile(InstanceProfileName=profile, Path=path)
        iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)
        return profile

    def in_service(self, name: str, hosts: tuple[LabHost, ...]) -> str:
        """Put hosts into a scaling group of that name and into a target group; return the target group's ARN."""
        scaling = self._clients.root("autoscaling", self.account, self.region)
        scaling.create_launch_configuration(
            LaunchConfigurationName=name, ImageId=_IMAGE, InstanceType="m5.large", SecurityGroups=[]
        )
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchConfigurationName=name,
            MinSize=0,
            MaxSize=9,
            DesiredCapacity=0,
            VPCZoneIdentifier=self._subnet,
        )
        named = [host.instance for host in hosts]
        scaling.attach_instances(AutoScalingGroupName=name, InstanceIds=named)
        balancing = self._clients.root("elbv2", self.account, self.region)
        group = balancing.create_target_group(Name=name, Protocol="HTTP", Port=8080, VpcId=self.vpc)
        arn = str(group["TargetGroups"][0]["TargetGroupArn"])
        balancing.register_targets(TargetGroupArn=arn, Targets=[{"Id": each, "Port": 8080} for each in named])
        return arn

    def _attach_interface(self, instance: str, index: int, groups: tuple[str, ...]) -> None:
        interface = self._ec2.create_network_interface(SubnetId=self._subnet, Groups=list(groups))["NetworkInterface"]
        self._ec2.attach_network_interface(
            NetworkInterfaceId=interface["NetworkInterfaceId"], InstanceId=instance, DeviceIndex=index
        )

    def _attach_volume(self, instance: str, number: int) -> None:
        zone = f"{self.region}a"
        volume = self._ec2.create_volume(AvailabilityZone=zone, Size=8)["VolumeId"]
        self._ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device=f"/dev/sd{chr(ord('e') + number)}")


def look(ec2: Any, account: str, region: str, instance_id: str) -> LabHost:
    """Return a host as it is now."""
    found = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    interfaces = sorted(found["NetworkInterfaces"], key=lambda each: each["Attachment"]["DeviceIndex"])
    return LabHost(
        account=account,
        region=region,
        vpc=found["VpcId"],
        instance=instance_id,
        interfaces=tuple(each["NetworkInterfaceId"] for each in interfaces),
        volumes=tuple(each["Ebs"]["VolumeId"] for each in found["BlockDeviceMappings"]),
        groups=tuple(tuple(sorted(group["GroupId"] for group in each["Groups"])) for each in interfaces),
    )


def find(clients: LabClients, about: About, instance_id: str) -> Target:
    """Return where a host is, in whatever account of the organisation; raise FindingError if there is none."""
    organizations = clients.root("organizations", about.management, about.home_region)
    for account in organizations.list_accounts()["Accounts"]:
        ec2 = clients.root("ec2", account["Id"], about.home_region)
        try:
            ec2.describe_instances(InstanceIds=[instance_id])
        except ec2.exceptions.ClientError:
            continue
        return Target("aws", account["Id"], about.home_region, instance_id)
    raise UnsendableFindingError(f"the lab has no host {instance_id}: cordon lab up lists those that it has")
