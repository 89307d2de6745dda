# SPDX-License-Identifier: Apache-2.0
"""Actions that are denied on isolated resources: one list, for the restriction here and for the evidence lock.

EC2 sends IAM the tags of each of these kinds of resource for each of these actions, which tests check.
"""

from __future__ import annotations

KEPT = (
    # the instance
    "ec2:AssociateIamInstanceProfile",
    "ec2:CreateImage",
    "ec2:CreateReplaceRootVolumeTask",
    "ec2:DisassociateIamInstanceProfile",
    "ec2:ModifyInstance*",
    "ec2:RebootInstances",
    "ec2:ReplaceIamInstanceProfileAssociation",
    "ec2:ResetInstanceAttribute",
    "ec2:SendDiagnosticInterrupt",
    "ec2:SendSpotInstanceInterruptions",
    "ec2:StartInstances",
    "ec2:StopInstances",
    "ec2:TerminateInstances",
    # its interfaces and addresses
    "ec2:AssignIpv6Addresses",
    "ec2:AssignPrivateIpAddresses",
    "ec2:AssociateAddress",
    "ec2:AttachNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DetachNetworkInterface",
    "ec2:DisassociateAddress",
    "ec2:ModifyNetworkInterfaceAttribute",
    "ec2:ResetNetworkInterfaceAttribute",
    "ec2:Unassign*Addresses",
    # its volumes
    "ec2:AttachVolume",
    "ec2:DeleteVolume",
    "ec2:DetachVolume",
    "ec2:ModifyVolume*",
    # its snapshots
    "ec2:DeleteSnapshot",
    "ec2:ModifySnapshot*",
    "ec2:ResetSnapshotAttribute",
    "ec2:UnlockSnapshot",
    # its group
    "ec2:AssociateSecurityGroupVpc",
    "ec2:AuthorizeSecurityGroup*",
    "ec2:DeleteSecurityGroup",
    "ec2:DisassociateSecurityGroupVpc",
    "ec2:ModifySecurityGroupRules",
    "ec2:RevokeSecurityGroup*",
    "ec2:UpdateSecurityGroupRule*",
)
"""What changes, loses or gives away a locked resource. Stopping and rebooting too (which CreateImage
does by default): memory is evidence."""
