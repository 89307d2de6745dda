# SPDX-License-Identifier: Apache-2.0
"""What a step may do, as one IAM statement says it: the action, on what, under which conditions, and why not less.

The member roles, the reference documentation and the permission tests are made from these records. This is data:
nothing at run time depends on it but the names of the actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Conditions = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Operator, condition key, values; as IAM has it. ``{incident_tag}`` in a key or value stands for the tag's key."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one kind of resource.

    resource     EC2's resource type (``instance``, ``security-group``), or ``*`` for actions that know no resources
    conditions   what narrows it beside the Region, which narrows every grant, and the session policy
    why          why it can't be narrower, in a sentence; never empty
    """

    action: str
    resource: str
    why: str
    conditions: Conditions = field(default_factory=dict)
    any_owner: bool = False
