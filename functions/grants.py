# SPDX-License-Identifier: Apache-2.0
"""What a step may do, as one IAM statement says it: the action, on what, under which conditions, and why not less.

The member roles, the reference documentation and the permission tests are made from these records. This is data:
nothing at run time depends on it but the names of the actions.

A condition is there only where it can't keep a call of ours from AWS: keys that the service authorization reference
lists for that action and resource, and, where EC2's spelling of a value is not documented, an operator that holds when
the key is absent (ADR 0015).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from functions.names import STATUS_TAG, STATUS_VALUE

Conditions = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Operator, condition key, values; as IAM has it. ``{incident_tag}`` in a key or value stands for the tag's key, and
``{qualifier}`` for the deployment's qualifier."""

SESSIONS_INCIDENT = "${aws:PrincipalTag/{incident_tag}}"
"""The incident that the session was opened for: its tag, which the role's trust demands."""

MADE_BY_SESSION: Conditions = {
    "StringEquals": {
        "aws:RequestTag/{incident_tag}": (SESSIONS_INCIDENT,),
        f"aws:RequestTag/{STATUS_TAG}": (STATUS_VALUE,),
    }
}
"""What is made, or tagged, carries the session's own incident and is isolated from then on."""

OF_SESSION: Conditions = {"StringEquals": {"aws:ResourceTag/{incident_tag}": (SESSIONS_INCIDENT,)}}
"""What carries the session's own incident."""

ONE_INSTANCE = "Which instance differs with each incident: the session policy names it, and only it."
_READING = "EC2 reads lists as a whole: it knows no resources for this action, and no condition but the Region."


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one kind of resource.

    resource     the type as the service authorization reference names it (``instance``, ``targetgroup``, ``role``); one
                 thing of IAM's with its path (``group/{qualifier}/...``); or ``*`` for actions that know no resources
    conditions   what narrows it beside the Region, which narrows every grant, and the session policy
    why          why it can't be narrower, in a sentence; never empty
    any_owner    whether the resource may be another account's, of a VPC that is shared with the member
    """

    action: str
    resource: str
    why: str
    conditions: Conditions = field(default_factory=dict, hash=False)
    any_owner: bool = False

    @property
    def service(self) -> str:
        """The service that the action is of, as IAM names it."""
        return self.action.partition(":")[0]

    @property
    def kind(self) -> str:
        """The type of resource, whether all of that type are meant or one by name."""
        return self.resource.partition("/")[0]


def reads(*names: str) -> tuple[Grant, ...]:
    """Return the grants for Describe actions."""
    return tuple(Grant(name, "*", _READING) for name in names)


def tagged_when_made(resource: str, *operations: str) -> Grant:
    """Return the grant for the tags of what these operations make: EC2 asks for it although CreateTags isn't called."""
    why = "It allows nothing by itself: it holds within the calls that make the resource, and those are narrowed alike."
    condition = {**MADE_BY_SESSION["StringEquals"], "ec2:CreateAction": operations}
    return Grant("ec2:CreateTags", resource, why, {"StringEquals": condition})


def actions(grants: Iterable[Grant]) -> tuple[str, ...]:
    """Return the names of the actions, each once, in order."""
    return tuple(dict.fromkeys(grant.action for grant in grants))


def reading(action: str) -> bool:
    """Tell whether an action only reads, by its name (``ec2:DescribeInstances``)."""
    return action.partition(":")[2].startswith(("Describe", "Get", "List"))
