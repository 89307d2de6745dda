# SPDX-License-Identifier: Apache-2.0
"""An Auto Scaling group as a step sees it: the host's state in it, its sizes, and the words for both.

The states are those of Auto Scaling's user guide (ec2-auto-scaling-lifecycle).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions.aws import errors
from functions.grants import Grant
from functions.steps.step import Member, Task

NAME = "scaling"
STANDBY, DETACH = "standby", "detach"
"""The ways out of a group, as policy names them."""

IN_SERVICE = "InService"
COMING = ("Pending", "Pending:Proceed", "Pending:Wait")
LEAVING = ("Detaching", "EnteringStandby")
IN_STANDBY = ("EnteringStandby", "Standby")
OUT = (*IN_STANDBY, "Detached", "Detaching")

REFUSED = "ValidationError"
"""What Auto Scaling says to sizes that forbid a move, and to a state that an instance can't be moved from."""

_NO_RESOURCE = "Auto Scaling knows no resources for this action, and no condition but the Region."
_ANY_GROUP = "Which group an instance is in is not known when the session begins, and no key ties a group to its hosts."
READS = tuple(
    Grant(f"autoscaling:{name}", "*", _NO_RESOURCE)
    for name in ("DescribeAutoScalingInstances", "DescribeAutoScalingGroups")
)


def changes(*operations: str) -> tuple[Grant, ...]:
    """Return the grants for what changes a group."""
    return tuple(Grant(f"autoscaling:{name}", "autoScalingGroup", _ANY_GROUP) for name in operations)


@dataclass(frozen=True, slots=True)
class Membership:
    """The host in its Auto Scaling group. ``lifecycle`` as Auto Scaling names it; ``protected`` from scale-in."""

    group: str
    lifecycle: str
    protected: bool


def membership(member: Member) -> Membership | Exception | None:
    """Read which group the host is in; None where it is in none, or the error that reading raised."""
    try:
        answer = member.client("autoscaling").describe_auto_scaling_instances(InstanceIds=[member.target.instance])
    except errors.AwsError as error:
        return error
    found = answer.get("AutoScalingInstances", [])
    if not found:
        return None
    first = found[0]
    return Membership(
        first["AutoScalingGroupName"], first["LifecycleState"], bool(first.get("ProtectedFromScaleIn", False))
    )


def described(member: Member, name: str) -> Mapping[str, Any] | Exception | None:
    """Read a group with its sizes and its members; None where there is none, or the error that reading raised."""
    try:
        answer = member.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    except errors.AwsError as error:
        return error
    found: list[Mapping[str, Any]] = answer.get("AutoScalingGroups", [])
    return found[0] if found else None


def title(group: str | None) -> str:
    """Return what item outcomes and restored items call a group."""
    return f"Auto Scaling group {group}"


def names(task: Task) -> dict[str, Any]:
    """Return the parameters that every change of this host in its group has."""
    return {"AutoScalingGroupName": task.section["group"], "InstanceIds": [task.host.id]}
