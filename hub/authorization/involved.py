# SPDX-License-Identifier: Apache-2.0
"""Which resources each EC2 operation involves: a table, and nothing but the table.

From the service authorization reference for EC2 (a test compares the two): every resource type that the reference
marks as required is here, and of the others those that the call's parameters name. What a call makes has no id yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Involved:
    """One type of resource that an operation involves.

    kind       EC2's resource type; empty: from each id's prefix
    ids        JMESPath of the ids in the parameters; empty: the call makes it, or doesn't name it
    via        ``volumes``: the volumes of the instance that ``ids`` names; ``devices``: those at the devices that it
               names; ``host``: the instance at the other end, if any; ``attachment``: the interface of an attachment;
               ``linked``: what an association joins, if it joins something of this kind
    made       the call makes it, so that the tags of the request are its own
    attribute  the attribute that the call changes is this resource's
    """

    kind: str
    ids: str = ""
    via: Literal["", "volumes", "devices", "host", "attachment", "linked"] = ""
    made: bool = False
    attribute: bool = False


def _made(kind: str) -> Involved:
    return Involved(kind, made=True)


_INSTANCE = Involved("instance", "InstanceId")
_INSTANCES = (Involved("instance", "InstanceIds[]"),)
_INTERFACE = Involved("network-interface", "NetworkInterfaceId")
_GROUP = Involved("security-group", "GroupId")
_NEW_RULES = (_GROUP, _made("security-group-rule"))
_VOLUME = Involved("volume", "VolumeId")
_SNAPSHOT = (Involved("snapshot", "SnapshotId"),)
_ANYTHING = (Involved("", "Resources[]"),)

_ACL = Involved("network-acl", "NetworkAclId")

INVOLVED: Mapping[str, tuple[Involved, ...]] = {
    "DescribeAddresses": (),
    "DescribeIamInstanceProfileAssociations": (),
    "DescribeInstanceTypes": (),
    "DescribeInstances": (),
    "DescribeNetworkAcls": (),
    "DescribeNetworkInterfaces": (),
    "DescribeSecurityGroupRules": (),
    "DescribeSecurityGroups": (),
    "DescribeSnapshots": (),
    "DescribeTags": (),
    "DescribeTransitGatewayVpcAttachments": (),
    "DescribeVolumes": (),
    "DescribeVpcs": (),
    "DescribeInstanceAttribute": (_INSTANCE,),
    "GetConsoleOutput": (_INSTANCE,),
    "GetConsoleScreenshot": (_INSTANCE,),
    "ModifyInstanceAttribute": (
        Involved("instance", "InstanceId", attribute=True),
        Involved("security-group", "Groups[]"),
        Involved("volume", "BlockDeviceMappings[].DeviceName", via="devices"),
    ),
    "ModifyNetworkInterfaceAttribute": (
        Involved("network-interface", "NetworkInterfaceId", attribute=True),
        Involved("security-group", "Groups[]"),
        Involved("instance", "NetworkInterfaceId", via="host"),
        Involved("subnet"),
    ),
    "CreateSecurityGroup": (_made("security-group"), Involved("vpc", "VpcId")),
    "DeleteSecurityGroup": (_GROUP,),
    "AuthorizeSecurityGroupIngress": _NEW_RULES,
    "AuthorizeSecurityGroupEgress": _NEW_RULES,
    "RevokeSecurityGroupIngress": (_GROUP,),
    "RevokeSecurityGroupEgress": (_GROUP,),
    "ModifySecurityGroupRules": (
        _GROUP,
        Involved("security-group-rule", "SecurityGroupRules[].SecurityGroupRuleId"),
        Involved("prefix-list", "SecurityGroupRules[].SecurityGroupRule.PrefixListId"),
    ),
    "CreateTags": _ANYTHING,
    "DeleteTags": _ANYTHING,
    "CreateSnapshot": (_VOLUME, _made("snapshot")),
    "CreateSnapshots": (
        Involved("instance", "InstanceSpecification.InstanceId"),
        Involved("volume", "InstanceSpecification.InstanceId", via="volumes"),
        _made("snapshot"),
    ),
    "DeleteSnapshot": _SNAPSHOT,
    "ModifySnapshotAttribute": (Involved("snapshot", "SnapshotId", attribute=True),),
    "AttachNetworkInterface": (_INSTANCE, _INTERFACE),
    "DetachNetworkInterface": (
        Involved("instance", "AttachmentId", via="host"),
        Involved("network-interface", "AttachmentId", via="attachment"),
    ),
    "DeleteNetworkInterface": (_INTERFACE,),
    "AttachVolume": (_INSTANCE, _VOLUME),
    "DetachVolume": (_INSTANCE, _VOLUME),
    "AssociateAddress": (
        Involved("elastic-ip", "AllocationId"),
        _INSTANCE,
        _INTERFACE,
        Involved("instance", "NetworkInterfaceId", via="host"),
    ),
    "DisassociateAddress": (
        Involved("elastic-ip", "AssociationId", via="linked"),
        Involved("network-interface", "AssociationId", via="linked"),
    ),
    "ReplaceIamInstanceProfileAssociation": (Involved("instance", "AssociationId", via="linked"),),
    "CreateNetworkAclEntry": (_ACL,),
    "DeleteNetworkAclEntry": (_ACL,),
    "CreateReplaceRootVolumeTask": (
        _INSTANCE,
        _made("replace-root-volume-task"),
        _made("volume"),
        *_SNAPSHOT,
        Involved("image", "ImageId"),
    ),
    "TerminateInstances": _INSTANCES,
    "StopInstances": _INSTANCES,
    "RebootInstances": _INSTANCES,
}

PROFILES: Mapping[str, str] = {"ReplaceIamInstanceProfileAssociation": "IamInstanceProfile"}
"""Operation -> JMESPath of the profile that it gives to an instance, which takes iam:PassRole for its role."""

ID_PREFIXES: Mapping[str, str] = {
    "acl": "network-acl",
    "ami": "image",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "i": "instance",
    "pl": "prefix-list",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "snap": "snapshot",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
}

WITHOUT_ACCOUNT = frozenset({"image", "snapshot"})
"""Types whose ARN has no account."""

ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    # operation -> parameter -> attribute
    "ModifyInstanceAttribute": {
        "BlockDeviceMappings": "BlockDeviceMapping",
        "DisableApiStop": "DisableApiStop",
        "DisableApiTermination": "DisableApiTermination",
        "EbsOptimized": "EbsOptimized",
        "EnaSupport": "EnaSupport",
        "EnclaveOptions": "EnclaveOptions",
        "Groups": "GroupSet",
        "InstanceInitiatedShutdownBehavior": "InstanceInitiatedShutdownBehavior",
        "InstanceType": "InstanceType",
        "Kernel": "Kernel",
        "Ramdisk": "Ramdisk",
        "SourceDestCheck": "SourceDestCheck",
        "SriovNetSupport": "SriovNetSupport",
        "UserData": "UserData",
    },
    "ModifyNetworkInterfaceAttribute": {
        "AssociatePublicIpAddress": "AssociatePublicIpAddress",
        "AssociatedSubnetIds": "AssociatedSubnetIds",
        "Attachment": "Attachment",
        "ConnectionTrackingSpecification": "ConnectionTrackingSpecification",
        "Description": "Description",
        "EnaSrdSpecification": "EnaSrdSpecification",
        "EnablePrimaryIpv6": "EnablePrimaryIpv6",
        "Groups": "GroupSet",
        "SourceDestCheck": "SourceDestCheck",
    },
    "ModifySnapshotAttribute": {
        "CreateVolumePermission": "CreateVolumePermission",
        "GroupNames": "CreateVolumePermission",
        "UserIds": "CreateVolumePermission",
    },
}
"""The parameters that change an attribute. How EC2 spells the attribute for IAM is not documented: see ADR 0018."""
