# SPDX-License-Identifier: Apache-2.0
"""*Deny-termination-of-isolated-instances*: what is isolated is left alone, and nobody says falsely that it is.

It asks nothing about who calls, so it can be attached to anyone: the group of this stack (IAM users alone can be in
one), roles, and permission sets, which name it by its name and path. Cordon's own roles don't have it.
"""

from __future__ import annotations

from functions import names
from member_stacks.document import Document, document

KEPT = (
    # what would end, change or free an instance, an interface, a volume, a snapshot or a group. EC2 knows
    # aws:ResourceTag for each, which a test checks.
    "ec2:AssignIpv6Addresses",
    "ec2:AssignPrivateIpAddresses",
    "ec2:AssociateAddress",
    "ec2:AssociateIamInstanceProfile",
    "ec2:AttachNetworkInterface",
    "ec2:AttachVolume",
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateReplaceRootVolumeTask",
    "ec2:CreateTags",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteSnapshot",
    "ec2:DeleteTags",
    "ec2:DeleteVolume",
    "ec2:DetachNetworkInterface",
    "ec2:DetachVolume",
    "ec2:DisassociateAddress",
    "ec2:DisassociateIamInstanceProfile",
    "ec2:ModifyInstanceAttribute",
    "ec2:ModifyInstanceMetadataOptions",
    "ec2:ModifyNetworkInterfaceAttribute",
    "ec2:ModifySecurityGroupRules",
    "ec2:ModifySnapshotAttribute",
    "ec2:ModifySnapshotTier",
    "ec2:ModifyVolume",
    "ec2:RebootInstances",
    "ec2:ReplaceIamInstanceProfileAssociation",
    "ec2:ResetInstanceAttribute",
    "ec2:ResetNetworkInterfaceAttribute",
    "ec2:ResetSnapshotAttribute",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:SendDiagnosticInterrupt",
    "ec2:StartInstances",
    "ec2:StopInstances",
    "ec2:TerminateInstances",
    "ec2:UnassignIpv6Addresses",
    "ec2:UnassignPrivateIpAddresses",
    "ec2:UnlockSnapshot",
)


def restriction(qualifier: str) -> Document:
    """Return the document. Tags are matched in any case of letters, as people write them."""
    status = f"Tag/{names.STATUS_TAG}"
    return document(
        [
            {
                "Sid": "IsolatedStaysAsItIs",
                "Effect": "Deny",
                "Action": list(KEPT),
                "Resource": "*",
                "Condition": {"StringEqualsIgnoreCase": {f"aws:Resource{status}": names.STATUS_VALUE}},
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
                "Action": ["ec2:CreateTags", "ec2:DeleteTags"],
                "Resource": "*",
                "Condition": {"ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": names.incident_tag(qualifier)}},
            },
        ]
    )
