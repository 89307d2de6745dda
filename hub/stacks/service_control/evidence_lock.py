# SPDX-License-Identifier: Apache-2.0
"""The evidence lock: what belongs to an incident stays as it is, whoever is administrator of the account.

What belongs to one is told by the incident's tag, which Cordon alone may put on or take away. The policy sees the tags
of the resources that a call names, so the tag is on interfaces, volumes, snapshots and groups too. It binds neither
service-linked roles (Auto Scaling's) nor the management account.
"""

from __future__ import annotations

from functions import names
from hub.deployment.model import DeploymentSettings
from hub.stacks.service_control import principals
from hub.stacks.service_control.statement import deny, document

LOCKED_ACTIONS = (
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

IAM_CHANGES = (
    "iam:Add*",
    "iam:Attach*",
    "iam:Create*",
    "iam:Delete*",
    "iam:Detach*",
    "iam:Put*",
    "iam:Remove*",
    "iam:Set*",
    "iam:Tag*",
    "iam:Untag*",
    "iam:Update*",
)


def evidence_lock(settings: DeploymentSettings) -> dict[str, object]:
    """Return the policy: tag lock, tag-forgery guard, role guard."""
    q, break_glass = settings.qualifier, settings.guard.break_glass
    path = names.iam_path(q)
    incident = names.incident_tag(q)
    cordon = (
        principals.member_role(settings, names.CONTAIN),
        principals.member_role(settings, names.RELEASE),
        *break_glass,
    )
    locked = {"Null": {f"aws:ResourceTag/{incident}": "false"}}
    tagging = ("ec2:CreateTags", "ec2:DeleteTags")
    stack_sets = (principals.STACK_SETS, *break_glass)
    return document(
        deny("TagLock", LOCKED_ACTIONS, unless=cordon, when=locked),
        deny(
            "IncidentTag",
            (*tagging, "autoscaling:CreateAutoScalingGroup", "autoscaling:CreateOrUpdateTags"),
            unless=cordon,
            when={"ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": [incident]}},
        ),
        deny(
            "StatusForged",
            tagging[:1],
            unless=cordon,
            when={"StringEqualsIgnoreCase": {f"aws:RequestTag/{names.STATUS_TAG}": names.STATUS_VALUE}},
        ),
        deny(
            "StatusOfLocked",
            tagging,
            unless=cordon,
            when={**locked, "ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": [names.STATUS_TAG]}},
        ),
        deny(
            "AllTagsOfLocked",
            tagging[1:],
            unless=cordon,
            when={"Null": {**locked["Null"], "aws:TagKeys": "true"}},
        ),
        deny(
            "Roles",
            IAM_CHANGES,
            unless=(
                *stack_sets,
                principals.cloudformation(settings),
                principals.member_role(settings, names.IDENTITY),
            ),
            on=(
                *(f"arn:*:iam::*:{kind}{path}*" for kind in ("group", "instance-profile", "policy", "role")),
                principals.STACK_SETS,
            ),
        ),
        deny(
            "MemberStacks",
            ("cloudformation:Delete*", "cloudformation:Execute*", "cloudformation:Update*"),
            unless=stack_sets,
            on=(f"arn:*:cloudformation:*:*:stack/StackSet-{q}-*",),
        ),
    )
