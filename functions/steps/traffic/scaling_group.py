# SPDX-License-Identifier: Apache-2.0
"""An Auto Scaling group as a step sees it: the host's state in it, its sizes, and the words for both.

The states are those of Auto Scaling's user guide (ec2-auto-scaling-lifecycle).
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict

from functions.grants import Grant
from functions.incident.model import StepResult
from functions.parallel import settle
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


Sizes = Mapping[str, Any]
"""A group as DescribeAutoScalingGroups gives it, with its sizes and its members."""


class Section(TypedDict):
    """The group, the state in it, and whether it protected the host from scale-in."""

    group: str | None
    lifecycle: str | None
    protected: bool


class Receipt(TypedDict, total=False):
    """The way that the host left by, and whether it was replaced; ``refused`` where it is known not to have left."""

    left: str
    replaced: bool
    refused: bool


StepTask = Task[Membership | None, Section, Receipt]
Result = StepResult[Receipt]


def membership(member: Member) -> Membership | None:
    """Read which group the host is in; None where it is in none. Raises what DescribeAutoScalingInstances raises."""
    answer = member.client("autoscaling").describe_auto_scaling_instances(InstanceIds=[member.target.instance])
    found = answer.get("AutoScalingInstances", [])
    if not found:
        return None
    first = found[0]
    return Membership(
        first["AutoScalingGroupName"], first["LifecycleState"], bool(first.get("ProtectedFromScaleIn", False))
    )


def look(member: Member) -> Future[Membership | None]:
    """Read the membership, and return the future, which has ended: where reading failed, another look may help."""
    found: Future[Membership | None] = member.pool.promise()
    settle(found, partial(membership, member))
    return found


def described(member: Member, name: str) -> Sizes | None:
    """Read a group; None where there is none. Raises what DescribeAutoScalingGroups raises."""
    answer = member.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    found: list[Sizes] = answer.get("AutoScalingGroups", [])
    return found[0] if found else None


def title(group: str | None) -> str:
    """Return what item outcomes and restored items call a group."""
    return f"Auto Scaling group {group}"


def names(task: StepTask) -> dict[str, Any]:
    """Return the parameters that every change of this host in its group has."""
    return {"AutoScalingGroupName": task.section["group"], "InstanceIds": [task.host.id]}
