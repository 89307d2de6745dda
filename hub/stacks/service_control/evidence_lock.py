# SPDX-License-Identifier: Apache-2.0
"""The evidence lock: what belongs to an incident stays as it is, even for an administrator of the account.

The incident's tag marks what belongs to an incident, and only Cordon may write or remove that tag. The policy sees the
tags of the resources that a call names, so the tag is on interfaces, volumes, snapshots and groups too. It binds
neither service-linked roles (Auto Scaling's) nor the management account.
"""

from __future__ import annotations

from functions import names
from hub.deployment.model import DeploymentSettings
from hub.stacks.service_control import principals
from hub.stacks.service_control.statement import deny, document
from member_stacks.kept import KEPT

IAM_CHANGES = (
    "iam:AddRole*",  # a principal that may, can put a user into the restricted group
    "iam:Attach*",
    "iam:Create*",
    "iam:Delete*",
    "iam:Detach*",
    "iam:Put*",
    "iam:RemoveRole*",
    "iam:Set*",
    "iam:Tag*",
    "iam:Untag*",
    "iam:Update*",
)
LETTING_OUT = ("iam:RemoveUser*",)
"""A release may also remove users from the restricted group."""


def evidence_lock(settings: DeploymentSettings) -> dict[str, object]:
    """Return the policy: tag lock, tag-forgery guard, role guard.

    The lock depends on the incident's tag alone, which only Cordon may write. ``status`` is the same word for
    every deployment: to deny it here would deny the containments of another deployment in the same accounts.
    """
    q, break_glass, deployers = settings.qualifier, settings.guard.break_glass, settings.guard.deployers
    path = names.iam_path(q)
    incident = names.incident_tag(q)
    cordon = (
        principals.member_role(settings, names.CONTAIN),
        principals.member_role(settings, names.RELEASE),
        *break_glass,
    )
    locked = {"Null": {f"aws:ResourceTag/{incident}": "false"}}
    tagging = ("ec2:CreateTags", "ec2:DeleteTags")
    rollout = (principals.STACK_SETS, *break_glass, *deployers)
    return document(
        # The opt-in role swaps the profile of an isolated host; its own policy allows no other change of it.
        deny("TagLock", KEPT, unless=(*cordon, principals.member_role(settings, names.IDENTITY)), when=locked),
        deny(
            "IncidentTag",
            (*tagging, "autoscaling:CreateAutoScalingGroup", "autoscaling:CreateOrUpdateTags"),
            unless=cordon,
            when={"ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": [incident]}},
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
                *rollout,
                principals.cdk(settings),
                principals.member_role(settings, names.IDENTITY),
            ),
            on=(
                *(f"arn:*:iam::*:{kind}{path}*" for kind in ("group", "instance-profile", "policy", "role")),
                principals.STACK_SETS,
                *principals.made_by_anyone(break_glass, deployers),
            ),
        ),
        deny(
            "LettingOut",
            LETTING_OUT,
            unless=(*rollout, principals.cdk(settings), principals.member_role(settings, names.RELEASE)),
            on=(f"arn:*:iam::*:group{path}*",),
        ),
        deny(
            "MemberStacks",
            ("cloudformation:Delete*", "cloudformation:Execute*", "cloudformation:Update*"),
            unless=rollout,
            on=(f"arn:*:cloudformation:*:*:stack/StackSet-{names.stack_set(q, '*')}",),
        ),
    )
