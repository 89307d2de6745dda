# SPDX-License-Identifier: Apache-2.0
"""The fault walk: one containment, every AWS call of it, every fault, and what the world must look like afterwards."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hub.policy.compile import compile_config
from hub.simulation.events import SourceEvent
from hub.simulation.faults import Fault
from hub.simulation.run import SimulationRequest, SimulationResult, run
from hub.simulation.world_spec import AccountSpec, Eni, Instance, WorldSpec
from tests.finding.findings import asff, envelope

ACCOUNT = "444455556666"
REGION = "eu-west-1"
INSTANCE = "i-0000000000000001"
CONFIG = Path(__file__).parents[2] / "config"

DENIED = "AccessDenied"
PASSING = ("crash-after", "timeout-after")

CALLS: dict[str, int] = {
    # every AWS call of the containment, and how often it is made; a test holds this table to the truth
    "dynamodb:PutItem": 6,
    "dynamodb:BatchGetItem": 1,
    "dynamodb:TransactWriteItems": 2,
    "dynamodb:UpdateItem": 3,
    "dynamodb:Query": 1,
    "sts:AssumeRole": 1,
    "s3:PutObject": 7,
    "sns:Publish": 1,
    "autoscaling:DescribeAutoScalingInstances": 1,
    "elbv2:DescribeTargetGroups": 1,
    "ec2:DescribeInstanceTypes": 1,
    "ec2:GetConsoleOutput": 1,
    "ec2:GetConsoleScreenshot": 1,
    "ec2:DescribeInstances": 2,
    "ec2:DescribeNetworkInterfaces": 2,
    "ec2:DescribeVolumes": 1,
    "ec2:DescribeInstanceAttribute": 6,
    "ec2:CreateSecurityGroup": 1,
    "ec2:DescribeSecurityGroupRules": 1,
    "ec2:AuthorizeSecurityGroupIngress": 1,
    "ec2:RevokeSecurityGroupEgress": 1,
    "ec2:ModifyNetworkInterfaceAttribute": 2,
    "ec2:ModifyInstanceAttribute": 4,
    "ec2:CreateSnapshots": 1,
    "ec2:CreateTags": 1,
    "ec2:DescribeSecurityGroups": 2,
    "ec2:DescribeSnapshots": 1,
    "ec2:DescribeTags": 1,
}


@dataclass(frozen=True)
class Host:
    """The simulated host's protection as the world shows it, with ids that vary taken out."""

    isolated: bool
    protected: bool
    kept: bool
    tagged: bool
    snapshots: int


@cache
def bundle() -> bytes:
    return compile_config(CONFIG).data


def contained_with(*faults: Fault, deliveries: int = 1) -> SimulationResult:
    """Run the containment of a host with two interfaces and two volumes under these faults."""
    spec = WorldSpec(
        accounts={ACCOUNT: AccountSpec("payments-prod", "/Workloads/Prod")},
        instances=(Instance(INSTANCE, ACCOUNT, REGION, enis=(Eni(), Eni()), volumes=2),),
    )
    finding = asff("Backdoor:EC2/C&CActivity.B!DNS", account=ACCOUNT, region=REGION, instances=(INSTANCE,))
    event = SourceEvent.of("finding.json", 0, envelope(finding))
    return run(SimulationRequest([event], bundle(), spec, faults=faults, deliveries=deliveries))


def made(ended: SimulationResult) -> Counter[str]:
    """Count the calls of the first delivery by service and operation."""
    return Counter(f"{call['service']}:{call['operation']}" for call in ended.calls if call["delivery"] == 1)


def host(world: dict[str, Any]) -> Host:
    """Read the host from the world."""
    instance = next(each for each in world["instances"] if each["id"] == INSTANCE)
    groups = {each["id"]: each for each in world["security_groups"]}
    worn = [groups[group] for eni in instance["enis"] for group in eni["groups"]]
    return Host(
        isolated=all(len(eni["groups"]) == 1 for eni in instance["enis"]) and all(map(quarantines, worn)),
        protected=(
            instance["termination_protection"] is True
            and instance["stop_protection"] is True
            and instance["shutdown_behavior"] == "stop"
        ),
        kept=not any(volume["delete_on_termination"] for volume in instance["volumes"]),
        tagged=instance["tags"].get("status") == "isolated" and "cordon:incident" in instance["tags"],
        snapshots=len(world["snapshots"]),
    )


def quarantines(group: dict[str, Any]) -> bool:
    """Tell whether a group lets nothing out and at most the investigators in."""
    return (
        group["name"].startswith("cordon-quarantine-")
        and not group["egress"]
        and all(rule["cidr"] == "198.51.100.0/24" and rule["from_port"] in {22, 3389} for rule in group["ingress"])
    )


def swaps(ended: SimulationResult) -> list[str]:
    """Return every group that was asked to be put on an interface."""
    return [
        group
        for call in ended.calls
        if call["operation"] == "ModifyNetworkInterfaceAttribute"
        for group in call["parameters"]["Groups"]
    ]


def original_groups(ended: SimulationResult) -> dict[str, list[str]]:
    """Return the groups of each interface before anything happened."""
    instance = next(each for each in ended.world_before["instances"] if each["id"] == INSTANCE)
    return {eni["id"]: eni["groups"] for eni in instance["enis"]}


def told(ended: SimulationResult) -> str:
    """Return everything that the record says about gaps, as one text."""
    parts = [each.reason + json.dumps([step.reason for step in each.steps]) for each in ended.incidents]
    parts += [each.failure for each in ended.handed]
    return " ".join(parts)
