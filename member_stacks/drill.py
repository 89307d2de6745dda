# SPDX-License-Identifier: Apache-2.0
"""The drill range: a target, an attacker's host, and an attack that GuardDuty finds, to watch a real containment.

A stack of its own in one member account and Region, made for an afternoon and deleted after it (once the target is
released: until then it is protected from termination). Both hosts are reached only by Systems Manager; no rule allows
inbound traffic from outside.

It has a public subnet, because that costs less than what a private one needs: two t4g.micro (0.0084 USD an hour each),
two public addresses (0.005 each) and two disks of 8 GB (0.08 USD per GB and month) are about 0.03 USD an hour, by the
list prices of us-east-1 in 2025. Endpoints for Systems Manager or a NAT gateway would at least double that.
"""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import Acknowledgment, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct, IConstruct

from functions import names
from member_stacks.document import substituted, trusting_ec2
from member_stacks.drill_attack import attack
from member_stacks.template import synthesised

_IMAGE = "{{resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64}}"
_TYPE = "t4g.micro"
_NETWORK = "10.99.0.0/28"
_AGENT = "arn:${AWS::Partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"


class DrillStack(cdk.Stack):
    """A small network with the two hosts, and the attack as a document of Systems Manager."""

    def __init__(self, scope: Construct, name: str, *, qualifier: str) -> None:
        super().__init__(
            scope,
            name,
            synthesizer=cdk.BootstraplessSynthesizer(),
            description=f"Cordon ({qualifier}): a drill range. About 0.03 USD an hour; delete it after the drill.",
        )
        network = DrillNetwork(self, "Network", qualifier=qualifier)
        attacker = self._group("AttackerGroup", network, "Drill: nothing in")
        target = self._group("TargetGroup", network, "Drill: echo requests of the attacking host, to see them cut")
        target.security_group_ingress = [
            ec2.CfnSecurityGroup.IngressProperty(
                ip_protocol="icmp",
                from_port=8,
                to_port=-1,
                source_security_group_id=attacker.attr_group_id,
                description="Echo requests of the attacking host",
            )
        ]
        profile = self._profile(qualifier)
        hosts = {
            part: self._host(part, network, group, profile, qualifier)
            for part, group in (("target", target), ("attacker", attacker))
        }
        document = ssm.CfnDocument(
            self,
            "Attack",
            name=names.drill(qualifier, "attack"),
            document_type="Command",
            document_format="JSON",
            target_type="/AWS::EC2::Instance",
            update_method="NewVersion",
            content=attack(),
        )
        for key, value in {
            "TargetInstance": hosts["target"].ref,
            "TargetAddress": hosts["target"].attr_private_ip,
            "AttackerInstance": hosts["attacker"].ref,
            "AttackDocument": document.ref,
        }.items():
            cdk.CfnOutput(self, key, value=value)

    def _group(self, name: str, network: DrillNetwork, description: str) -> ec2.CfnSecurityGroup:
        return ec2.CfnSecurityGroup(
            self,
            name,
            group_description=description,
            vpc_id=network.vpc.ref,
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(ip_protocol="-1", cidr_ip="0.0.0.0/0", description="Anything out")
            ],
        )

    def _profile(self, qualifier: str) -> iam.CfnInstanceProfile:
        role = iam.CfnRole(
            self,
            "HostRole",
            role_name=names.drill(qualifier, "host"),
            description="Cordon: the hosts of the drill range, for Systems Manager.",
            assume_role_policy_document=trusting_ec2(),
        )
        role.add_property_override("ManagedPolicyArns", [substituted(_AGENT)])
        _acknowledge(
            role,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AmazonSSMManagedInstanceCore]",
            "What the agent of Systems Manager needs changes with the agent; AWS keeps this policy up with it.",
        )
        return iam.CfnInstanceProfile(self, "HostProfile", roles=[role.ref])

    def _host(
        self,
        part: str,
        network: DrillNetwork,
        group: ec2.CfnSecurityGroup,
        profile: iam.CfnInstanceProfile,
        qualifier: str,
    ) -> ec2.CfnInstance:
        disk = ec2.CfnInstance.EbsProperty(volume_type="gp3", encrypted=True, delete_on_termination=True)
        host = ec2.CfnInstance(
            self,
            f"{part.capitalize()}Host",
            image_id=_IMAGE,
            instance_type=_TYPE,
            iam_instance_profile=profile.ref,
            subnet_id=network.subnet.ref,
            security_group_ids=[group.attr_group_id],
            block_device_mappings=[ec2.CfnInstance.BlockDeviceMappingProperty(device_name="/dev/xvda", ebs=disk)],
            metadata_options=ec2.CfnInstance.MetadataOptionsProperty(http_tokens="required"),
            tags=[cdk.CfnTag(key="Name", value=names.drill(qualifier, part))],
        )
        host.add_resource_dependency(network.way_out)
        _acknowledge(host, "EC28", "A host of one afternoon: its metrics by the minute are not needed.")
        _acknowledge(host, "EC29", "A host of one afternoon: it goes with its stack. Cordon protects it in the drill.")
        return host


class DrillNetwork(Construct):
    """One public subnet."""

    def __init__(self, scope: Construct, name: str, *, qualifier: str) -> None:
        super().__init__(scope, name)
        tags = [cdk.CfnTag(key="Name", value=names.drill(qualifier, "network"))]
        self.vpc = ec2.CfnVPC(
            self, "Vpc", cidr_block=_NETWORK, enable_dns_support=True, enable_dns_hostnames=True, tags=tags
        )
        _acknowledge(self.vpc, "VPC7", "GuardDuty reads flows and look-ups by itself; no other reader needs them.")
        self.subnet = ec2.CfnSubnet(
            self, "Subnet", vpc_id=self.vpc.ref, cidr_block=_NETWORK, map_public_ip_on_launch=True, tags=tags
        )
        gateway = ec2.CfnInternetGateway(self, "Gateway", tags=tags)
        attached = ec2.CfnVPCGatewayAttachment(self, "Attached", vpc_id=self.vpc.ref, internet_gateway_id=gateway.ref)
        table = ec2.CfnRouteTable(self, "Routes", vpc_id=self.vpc.ref, tags=tags)
        self.way_out = ec2.CfnRoute(
            self, "WayOut", route_table_id=table.ref, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.ref
        )
        self.way_out.add_resource_dependency(attached)
        ec2.CfnSubnetRouteTableAssociation(self, "Routed", subnet_id=self.subnet.ref, route_table_id=table.ref)


def drill_template(qualifier: str) -> dict[str, Any]:
    """Return the template as plain data."""
    return synthesised(lambda app: DrillStack(app, names.stack(qualifier, "drill"), qualifier=qualifier))


def _acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason))
