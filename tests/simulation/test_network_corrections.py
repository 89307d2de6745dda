# SPDX-License-Identifier: Apache-2.0
"""Interfaces and security groups behave as EC2's, one correction of moto at a time."""

from __future__ import annotations

from typing import Any

import pytest

from hub.simulation.simulation import Simulation
from hub.simulation.world_spec import Eni, GroupRuleSpec, SecurityGroup
from tests.simulation.worlds import ACCOUNT, INSTANCE, REGION, instance, member, refusal, world

TWO = (Eni(), Eni())
SHARING = "555566667777"


def enis(ec2: Any, name: str = INSTANCE) -> list[dict[str, Any]]:
    found = ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]["NetworkInterfaces"]
    return sorted(found, key=lambda eni: eni["Attachment"]["DeviceIndex"])


def new_group(ec2: Any, name: str = "quarantine", vpc: str | None = None) -> str:
    made = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc or enis(ec2)[0]["VpcId"])
    return str(made["GroupId"])


def test_an_interface_wears_its_own_groups_alone() -> None:
    with Simulation(world(instance(enis=TWO))) as simulation:
        ec2 = member(simulation, "ec2")
        group = new_group(ec2)
        first, second = (eni["NetworkInterfaceId"] for eni in enis(ec2))
        ec2.modify_network_interface_attribute(NetworkInterfaceId=second, Groups=[group])
        worn = [[each["GroupId"] for each in eni["Groups"]] for eni in enis(ec2)]
        assert worn[1] == [group]
        assert group not in worn[0]
        described = ec2.describe_instances(InstanceIds=[INSTANCE])["Reservations"][0]["Instances"][0]
        assert [each["GroupName"] for each in described["SecurityGroups"]] == ["app"]
        ec2.modify_network_interface_attribute(NetworkInterfaceId=first, Groups=[group])
        described = ec2.describe_instances(InstanceIds=[INSTANCE])["Reservations"][0]["Instances"][0]
        assert [each["GroupId"] for each in described["SecurityGroups"]] == [group]
        wearers = ec2.describe_network_interfaces(Filters=[{"Name": "group-id", "Values": [group]}])
        assert len(wearers["NetworkInterfaces"]) == 2


def test_groups_that_an_interface_cannot_wear_are_refused() -> None:
    elsewhere = instance("i-0000000000000002", vpc="other")
    with Simulation(world(instance(), elsewhere)) as simulation:
        ec2 = member(simulation, "ec2")
        eni = enis(ec2)[0]["NetworkInterfaceId"]
        foreign = new_group(ec2, vpc=enis(ec2, "i-0000000000000002")[0]["VpcId"])
        six = [new_group(ec2, f"group-{number}") for number in range(6)]
        modify = ec2.modify_network_interface_attribute
        assert refusal(modify, NetworkInterfaceId=eni, Groups=["sg-0123456789abcdef0"]) == "InvalidGroup.NotFound"
        assert refusal(modify, NetworkInterfaceId=eni, Groups=[foreign]) == "InvalidParameter"
        assert refusal(modify, NetworkInterfaceId=eni, Groups=six) == "SecurityGroupsPerInterfaceLimitExceeded"
        assert [group["GroupName"] for group in enis(ec2)[0]["Groups"]] == ["app"]
        assert refusal(modify, NetworkInterfaceId=eni, Groups=six[:5]) is None


def test_one_attribute_at_a_time() -> None:
    with Simulation(world()) as simulation:
        ec2 = member(simulation, "ec2")
        eni, group = enis(ec2)[0]["NetworkInterfaceId"], new_group(ec2)
        both = {"NetworkInterfaceId": eni, "Groups": [group], "SourceDestCheck": {"Value": False}}
        assert refusal(ec2.modify_network_interface_attribute, **both) == "InvalidParameterCombination"
        assert refusal(ec2.modify_network_interface_attribute, NetworkInterfaceId=eni) == "InvalidParameterCombination"
        ec2.modify_network_interface_attribute(NetworkInterfaceId=eni, SourceDestCheck={"Value": False})
        assert enis(ec2)[0]["SourceDestCheck"] is False


def test_managed_interfaces_take_tags_and_nothing_else() -> None:
    requested = instance("i-0000000000000002", enis=(Eni(), Eni(requester_managed=True)))
    with Simulation(world(instance(managed_by="eks-auto"), requested)) as simulation:
        ec2 = member(simulation, "ec2")
        group = new_group(ec2)
        managed, own, lent = enis(ec2)[0], *enis(ec2, "i-0000000000000002")
        assert managed["Operator"] == {"Managed": True, "Principal": "eks.amazonaws.com"}
        described = ec2.describe_network_interfaces(NetworkInterfaceIds=[lent["NetworkInterfaceId"]])
        assert described["NetworkInterfaces"][0]["RequesterManaged"] is True
        codes = {
            name: refusal(
                ec2.modify_network_interface_attribute, NetworkInterfaceId=eni["NetworkInterfaceId"], Groups=[group]
            )
            for name, eni in {"managed": managed, "own": own, "lent": lent}.items()
        }
        assert codes == {"managed": "OperationNotPermitted", "own": None, "lent": "OperationNotPermitted"}
        tags = [{"Key": "status", "Value": "isolated"}]
        assert refusal(ec2.create_tags, Resources=[managed["NetworkInterfaceId"], INSTANCE], Tags=tags) is None


def test_connection_tracking_is_kept_and_described() -> None:
    old = instance("i-0000000000000002", nitro=False)
    with Simulation(world(instance(), old)) as simulation:
        ec2 = member(simulation, "ec2")
        eni = enis(ec2)[0]["NetworkInterfaceId"]
        modify = ec2.modify_network_interface_attribute
        wanted = {"TcpEstablishedTimeout": 60, "UdpStreamTimeout": 60, "UdpTimeout": 30}
        assert "ConnectionTrackingConfiguration" not in enis(ec2)[0]
        modify(NetworkInterfaceId=eni, ConnectionTrackingSpecification=wanted)
        assert enis(ec2)[0]["ConnectionTrackingConfiguration"] == wanted
        described = ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]
        assert described["ConnectionTrackingConfiguration"] == wanted
        assert simulation.world()["instances"][0]["enis"][0]["connection_tracking"] == wanted
        short = {"TcpEstablishedTimeout": 59}
        code = refusal(modify, NetworkInterfaceId=eni, ConnectionTrackingSpecification=short)
        assert code == "InvalidParameterValue"
        not_nitro = enis(ec2, "i-0000000000000002")[0]["NetworkInterfaceId"]
        code = refusal(modify, NetworkInterfaceId=not_nitro, ConnectionTrackingSpecification=wanted)
        assert code == "UnsupportedOperation"


@pytest.mark.parametrize(("ipv6", "egress"), [(False, {"0.0.0.0/0"}), (True, {"0.0.0.0/0", "::/0"})])
def test_a_new_group_lets_everything_out(egress: set[str], *, ipv6: bool) -> None:
    with Simulation(world(instance(enis=(Eni(ipv6=ipv6),)))) as simulation:
        ec2 = member(simulation, "ec2")
        assert bool(enis(ec2)[0]["Ipv6Addresses"]) is ipv6
        group = new_group(ec2)
        rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
        rules = rules["SecurityGroupRules"]
        assert {rule.get("CidrIpv4") or rule.get("CidrIpv6") for rule in rules} == egress
        ids = [rule["SecurityGroupRuleId"] for rule in rules]
        ec2.revoke_security_group_egress(GroupId=group, SecurityGroupRuleIds=ids)
        described = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        assert (described["IpPermissions"], described["IpPermissionsEgress"]) == ([], [])
        again = refusal(ec2.revoke_security_group_egress, GroupId=group, SecurityGroupRuleIds=ids)
        assert again == "InvalidSecurityGroupRuleId.NotFound"


def test_a_name_is_there_once_in_a_vpc() -> None:
    elsewhere = instance("i-0000000000000002", vpc="other")
    with Simulation(world(instance(), elsewhere)) as simulation:
        ec2 = member(simulation, "ec2")
        new_group(ec2)
        vpc, other = enis(ec2)[0]["VpcId"], enis(ec2, "i-0000000000000002")[0]["VpcId"]
        create = ec2.create_security_group
        assert refusal(create, GroupName="quarantine", Description="x", VpcId=vpc) == "InvalidGroup.Duplicate"
        assert refusal(create, GroupName="quarantine", Description="x", VpcId=other) is None
        nowhere = "vpc-0123456789abcdef0"
        assert refusal(create, GroupName="new", Description="x", VpcId=nowhere) == "InvalidVpcID.NotFound"


def permission(port: int) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}


def test_rules_are_added_wholly_or_not_at_all() -> None:
    with Simulation(world()) as simulation:
        ec2 = member(simulation, "ec2")
        group = new_group(ec2)
        added = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission(22), permission(3389)])
        assert {rule["FromPort"] for rule in added["SecurityGroupRules"]} == {22, 3389}
        authorize = ec2.authorize_security_group_ingress
        again = {"GroupId": group, "IpPermissions": [permission(25), permission(22)]}
        assert refusal(authorize, **again) == "InvalidPermission.Duplicate"
        described = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        assert {rule["FromPort"] for rule in described["IpPermissions"]} == {22, 3389}
        unknown = {"GroupId": "sg-0123456789abcdef0", "IpPermissions": [permission(22)]}
        assert refusal(authorize, **unknown) == "InvalidGroup.NotFound"


def test_a_group_that_is_worn_stays() -> None:
    squatter = SecurityGroup(
        ACCOUNT, REGION, "cordon-quarantine", ingress=(GroupRuleSpec("-1", cidr="0.0.0.0/0"),), worn_by=(INSTANCE,)
    )
    with Simulation(world(security_groups=(squatter,))) as simulation:
        ec2 = member(simulation, "ec2")
        worn = {group["GroupName"]: group["GroupId"] for group in enis(ec2)[0]["Groups"]}
        assert set(worn) == {"app", "cordon-quarantine"}
        delete = ec2.delete_security_group
        assert refusal(delete, GroupId=worn["cordon-quarantine"]) == "DependencyViolation"
        assert refusal(delete, GroupId=new_group(ec2)) is None


def test_what_is_in_a_shared_vpc_is_its_owners() -> None:
    """A participant reads network ACLs and changes none; groups that it makes there are its own."""
    shared = instance(vpc_owner=SHARING)
    with Simulation(world(shared, instance("i-0000000000000002", vpc="own"))) as simulation:
        ec2 = member(simulation, "ec2")
        first, second = (enis(ec2, name)[0] for name in (INSTANCE, "i-0000000000000002"))
        vpcs = {each["VpcId"]: each["OwnerId"] for each in ec2.describe_vpcs()["Vpcs"]}
        assert (vpcs[first["VpcId"]], vpcs[second["VpcId"]]) == (SHARING, ACCOUNT)
        acls = {each["VpcId"]: each for each in ec2.describe_network_acls()["NetworkAcls"]}
        entry = {"RuleNumber": 50, "Protocol": "-1", "RuleAction": "deny", "Egress": False, "CidrBlock": "10.0.0.9/32"}
        ec2.create_network_acl_entry(NetworkAclId=acls[second["VpcId"]]["NetworkAclId"], **entry)
        theirs = acls[first["VpcId"]]
        assert theirs["OwnerId"] == SHARING
        acl, association = theirs["NetworkAclId"], theirs["Associations"][0]["NetworkAclAssociationId"]
        assert refusal(ec2.create_network_acl_entry, NetworkAclId=acl, **entry) == "UnauthorizedOperation"
        asked = {"AssociationId": association, "NetworkAclId": acl}
        assert refusal(ec2.replace_network_acl_association, **asked) == "UnauthorizedOperation"
        made = ec2.describe_security_groups(GroupIds=[new_group(ec2)])["SecurityGroups"][0]
        assert (made["VpcId"], made["OwnerId"]) == (first["VpcId"], ACCOUNT)


def test_network_acls_are_found_by_their_ids() -> None:
    with Simulation(world()) as simulation:
        ec2 = member(simulation, "ec2")
        name = ec2.describe_network_acls()["NetworkAcls"][0]["NetworkAclId"]
        wanted = [{"Name": "network-acl-id", "Values": [name, "acl-0123456789abcdef0"]}]
        assert [each["NetworkAclId"] for each in ec2.describe_network_acls(Filters=wanted)["NetworkAcls"]] == [name]
