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
    except (KeyError, IndexError, TypeError):  # other parameters than are known here: told as they are
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


def _take_away(direction: str) -> Callable[[Parameters], str]:
    return lambda parameters: f"remove the {direction} rules of {parameters['GroupId']}"


def _swap(parameters: Parameters) -> str:
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
    "ec2:RevokeSecurityGroupIngress": _take_away("inbound"),
    "ec2:RevokeSecurityGroupEgress": _take_away("outbound"),
    "ec2:ModifyNetworkInterfaceAttribute": _swap,
    "ec2:ModifyInstanceAttribute": _attribute,
    "ec2:CreateSnapshots": _snapshots,
    "ec2:CreateTags": _tags,
}
