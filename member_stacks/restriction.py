# SPDX-License-Identifier: Apache-2.0
"""*Deny-termination-of-isolated-instances*: isolated resources stay unchanged, and their tags can't be forged.

It has no condition on the caller, so it can be attached to any principal: the group of this stack (only IAM users can
be in one), roles, and permission sets, which name it by its name and path. Cordon's own roles don't have it.
"""

from __future__ import annotations

from functions import names
from member_stacks.document import Document, document, iam_arn, substituted
from member_stacks.kept import KEPT

_TAGGING = ("ec2:CreateTags", "ec2:DeleteTags")


def restriction(qualifier: str) -> Document:
    """Return the document. Tags are matched in any case of letters, as people write them.

    The incident's tag marks isolated resources too: IAM doesn't distinguish ``Status`` from ``status``, and a resource
    with both could look as if it wasn't isolated.
    """
    status, incident = f"Tag/{names.STATUS_TAG}", names.incident_tag(qualifier)
    kept = [*KEPT, *_TAGGING]
    ours = [substituted(iam_arn(f"{kind}{names.iam_path(qualifier)}*")) for kind in ("group", "policy")]
    return document(
        [
            {
                "Sid": "IsolatedStaysAsItIs",
                "Effect": "Deny",
                "Action": kept,
                "Resource": "*",
                "Condition": {"StringEqualsIgnoreCase": {f"aws:Resource{status}": names.STATUS_VALUE}},
            },
            {
                "Sid": "WhatBelongsToAnIncidentToo",
                "Effect": "Deny",
                "Action": kept,
                "Resource": "*",
                "Condition": {"Null": {f"aws:ResourceTag/{incident}": "false"}},
            },
            {
                "Sid": "NobodyElseSaysIsolated",
                "Effect": "Deny",
                "Action": "ec2:CreateTags",
                "Resource": "*",
                "Condition": {"StringEqualsIgnoreCase": {f"aws:Request{status}": names.STATUS_VALUE}},
            },
            {
                "Sid": "NobodyElseNamesAnIncident",
                "Effect": "Deny",
                "Action": list(_TAGGING),
                "Resource": "*",
                "Condition": {"ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": incident}},
            },
            {
                # It sees no tags, so it is denied for every host.
                "Sid": "NoSerialConsole",
                "Effect": "Deny",
                "Action": "ec2-instance-connect:SendSerialConsoleSSHPublicKey",
                "Resource": "*",
            },
            {
                "Sid": "TheRestrictionStays",
                "Effect": "Deny",
                "NotAction": ["iam:AddUserToGroup", "iam:Get*", "iam:List*"],
                "Resource": ours,
            },
            {
                "Sid": "NobodyIsLetOutOfIt",
                "Effect": "Deny",
                "Action": ["iam:DetachGroupPolicy", "iam:DetachRolePolicy", "iam:DetachUserPolicy"],
                "Resource": "*",
                "Condition": {"ArnLike": {"iam:PolicyARN": ours[1]}},
            },
        ]
    )
