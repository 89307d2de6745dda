# SPDX-License-Identifier: Apache-2.0
"""Planned calls in words, so that who approves a plan reads what happens and not parameters. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from functions.incident.model import PlannedCall

_LONGEST = 200
_TERMINATION, _STOP = "DisableApiTermination", "DisableApiStop"
_SHUTDOWN, _VOLUMES = "InstanceInitiatedShutdownBehavior", "BlockDeviceMappings"

Parameters = Mapping[str, Any]


def in_words(call: PlannedCall) -> str:
    """Return what a call does; for one that has no words here, its name and parameters."""
    words = _WORDS.get(f"{call.service}:{call.operation}")
    try:
        sentence = words(call.parameters) if words is not None else None
    except (KeyError, IndexError, TypeError):  # parameters that are not known here: printed as they are
        sentence = None
    if sentence is not None:
        return sentence
    parameters = json.dumps(dict(call.parameters), default=str)
    shown = parameters if len(parameters) <= _LONGEST else parameters[:_LONGEST] + "..."
    return f"{call.service}:{call.operation} {shown}"


def _new_group(parameters: Parameters) -> str:
    return f"make security group {parameters['GroupName']} in {parameters['VpcId']}"


def _let(direction: str) -> Callable[[Parameters], str]:
    def words(parameters: Parameters) -> str:
        rules = [f"{_ports(rule)} {direction} {_peers(rule)}" for rule in parameters["IpPermissions"]]
        return f"allow {', '.join(rules)} in {parameters['GroupId']}"

    return words


def _swap(parameters: Parameters) -> str:
    if "ConnectionTrackingSpecification" in parameters:
        seconds = ", ".join(
            f"{name} {value} s" for name, value in parameters["ConnectionTrackingSpecification"].items()
        )
        return f"shorten connection tracking of {parameters['NetworkInterfaceId']}: {seconds}"
    return f"put {parameters['NetworkInterfaceId']} into {', '.join(parameters['Groups'])} alone"


def _attribute(parameters: Parameters) -> str | None:
    instance = parameters["InstanceId"]
    if _TERMINATION in parameters:
        return f"switch termination protection of {instance} {_on(parameters[_TERMINATION])}"
    if _STOP in parameters:
        return f"switch stop protection of {instance} {_on(parameters[_STOP])}"
    if _SHUTDOWN in parameters:
        return f"on shutdown from inside, {parameters[_SHUTDOWN]['Value']} {instance}"
    if _VOLUMES in parameters:
        devices = ", ".join(str(mapping["DeviceName"]) for mapping in parameters[_VOLUMES])
        return f"keep the volumes of {instance} on termination ({devices})"
    return None


def _snapshots(parameters: Parameters) -> str:
    return f"take snapshots of every volume of {parameters['InstanceSpecification']['InstanceId']}"


def _leave(how: str) -> Callable[[Parameters], str]:
    def words(parameters: Parameters) -> str:
        instances, group = ", ".join(parameters["InstanceIds"]), parameters["AutoScalingGroupName"]
        rest = "wanting one host less" if parameters["ShouldDecrementDesiredCapacity"] else "with a replacement"
        return f"{how.format(instances=instances, group=group)}, {rest}"

    return words


def _deregister(parameters: Parameters) -> str:
    targets = [f"{each['Id']}:{each['Port']}" if "Port" in each else each["Id"] for each in parameters["Targets"]]
    return f"deregister {', '.join(targets)} from {parameters['TargetGroupArn']}"


def _deny_address(parameters: Parameters) -> str:
    way = "outbound" if parameters["Egress"] else "inbound"
    peer = parameters.get("CidrBlock") or parameters["Ipv6CidrBlock"]
    number, acl = parameters["RuleNumber"], parameters["NetworkAclId"]
    return f"{parameters['RuleAction']} {peer} {way} in {acl}, entry {number}"


def _tag_role(parameters: Parameters) -> str:
    tags = ", ".join(f"{tag['Key']}={tag['Value']}" for tag in parameters["Tags"])
    return f"tag the {_role(parameters)} with {tags}"


def _role(parameters: Parameters) -> str:
    name = str(parameters["RoleName"])
    return name if name.startswith("role ") else f"role {name}"


def _tags(parameters: Parameters) -> str:
    tags = ", ".join(f"{tag['Key']}={tag['Value']}" for tag in parameters["Tags"])
    return f"tag {', '.join(parameters['Resources'])} with {tags}"


def _ports(rule: Parameters) -> str:
    if rule["IpProtocol"] == "-1":
        return "all traffic"
    first, last = rule["FromPort"], rule["ToPort"]
    return f"{rule['IpProtocol']} {first}" if first == last else f"{rule['IpProtocol']} {first}-{last}"


def _peers(rule: Parameters) -> str:
    keys = (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("UserIdGroupPairs", "GroupId"))
    peers = [entry[key] for kind, key in (*keys, ("PrefixListIds", "PrefixListId")) for entry in rule.get(kind, [])]
    return ", ".join(peers)


def _on(setting: Parameters) -> str:
    return "on" if setting["Value"] else "off"


_WORDS: Mapping[str, Callable[[Parameters], str | None]] = {
    "ec2:CreateSecurityGroup": _new_group,
    "ec2:AuthorizeSecurityGroupIngress": _let("from"),
    "ec2:AuthorizeSecurityGroupEgress": _let("to"),
    "ec2:RevokeSecurityGroupEgress": lambda given: f"remove the outbound rules of {given['GroupId']}",
    "ec2:ModifyNetworkInterfaceAttribute": _swap,
    "ec2:ModifyInstanceAttribute": _attribute,
    "ec2:CreateSnapshots": _snapshots,
    "ec2:CreateTags": _tags,
    "ec2:CreateNetworkAclEntry": _deny_address,
    "ec2:DisassociateAddress": lambda given: f"take Elastic IP {given['AssociationId']} off the host, and keep it",
    "ec2:ReplaceIamInstanceProfileAssociation": (
        lambda given: f"put {given['IamInstanceProfile']['Arn'].rpartition('/')[2]} in place of the host's profile"
    ),
    "ec2:GetConsoleOutput": lambda given: f"keep the console output of {given['InstanceId']}",
    "ec2:GetConsoleScreenshot": lambda given: f"keep a screenshot of {given['InstanceId']}",
    "ec2:DescribeSecurityGroups": lambda given: f"keep the rules of {', '.join(given['Filters'][0]['Values'])}",
    "ec2:DescribeInstanceAttribute": lambda given: f"keep the {given['Attribute']} of {given['InstanceId']}",
    "autoscaling:EnterStandby": _leave("put {instances} of scaling group {group} into standby"),
    "autoscaling:DetachInstances": _leave("detach {instances} from scaling group {group}"),
    "elbv2:DeregisterTargets": _deregister,
    "iam:TagRole": _tag_role,
    "iam:AttachRolePolicy": (
        lambda given: f"attach {given['PolicyArn'].rpartition('/')[2]} to the {_role(given)}, for this host alone"
    ),
    "iam:PutRolePolicy": lambda given: f"write inline policy {given['PolicyName']} on the {_role(given)}",
    "iam:AddUserToGroup": lambda given: f"put user {given['UserName']} into group {given['GroupName']}",
    "iam:UpdateAccessKey": (
        lambda given: f"set {given['AccessKeyId']} of user {given['UserName']} to {given['Status'].lower()}"
    ),
}
