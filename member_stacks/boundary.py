# SPDX-License-Identifier: Apache-2.0
"""The permission boundary of every member role: the roles can never do more, whatever is written into them later.

The denials are explicit, since a boundary that only leaves something out has no effect where a resource's own policy
names the session.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from functions import names
from functions.grants import Grant, actions
from member_stacks.document import Document, document, iam_arn, substituted
from member_stacks.props import MemberProps

_KINDS = ("group", "instance-profile", "policy", "role")
"""What the stack makes. IAM takes no wildcard for the kind (IAM user guide, reference_policies_elements_resource)."""

ANY = (
    "A boundary allows nothing by itself: it lists the actions that the roles' own policies then narrow, resource by "
    "resource."
)


def boundary(props: MemberProps, grants: Iterable[Grant]) -> Document:
    """Return the document: the actions of these grants at most, nothing of Cordon's own, no further role."""
    named = actions(grants)
    global_actions = sorted(name for name in named if name.startswith("iam:"))
    regional = sorted(set(named) - set(global_actions))
    path = names.iam_path(props.qualifier)
    ours = [substituted(iam_arn(f"{kind}{path}*")) for kind in _KINDS]
    statements: list[dict[str, Any]] = [
        {
            "Sid": "AtMost",
            "Effect": "Allow",
            "Action": regional,
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:RequestedRegion": list(props.regions)}},
        }
    ]
    if global_actions:
        statements.append({"Sid": "AtMostOfIam", "Effect": "Allow", "Action": global_actions, "Resource": "*"})
    statements += [
        {
            "Sid": "NothingOfItsOwn",
            "Effect": "Deny",
            # Membership of the one group is what restricts a user, and lifts that again; the roles' grants name it.
            "NotAction": [
                "iam:AddUserToGroup",
                "iam:Get*",
                "iam:List*",
                "iam:PassRole",
                "iam:RemoveUserFromGroup",
            ],
            "Resource": ours,
        },
        {
            "Sid": "NoFurtherRole",
            "Effect": "Deny",
            "Action": ["sts:AssumeRole*", "sts:AssumeRoot", "sts:GetFederationToken"],
            "Resource": "*",
        },
        {
            "Sid": "EvidenceToNobodyElse",
            "Effect": "Deny",
            "Action": "ec2:ModifySnapshotAttribute",
            "Resource": "*",
            "Condition": {"ForAnyValue:StringNotEquals": {"ec2:Add/userId": props.forensics_account}},
        },
        {
            "Sid": "EvidenceToNoGroup",
            "Effect": "Deny",
            "Action": "ec2:ModifySnapshotAttribute",
            "Resource": "*",
            "Condition": {"Null": {"ec2:Add/group": "false"}},
        },
    ]
    return document(statements)
