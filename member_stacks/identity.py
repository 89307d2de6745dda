# SPDX-License-Identifier: Apache-2.0
"""What the opt-in role may do: cut off the identity of a host by means that no condition can bind to that host.

No option uses these grants yet. They are kept apart, in a role of their own that is not made unless asked for, because
the first of them makes its holder administrator of the account.
"""

from __future__ import annotations

from functions import names
from functions.steps.grant import ONE_INSTANCE, Grant, reads
from functions.steps.registry import Needed
from member_stacks.document import iam_arn

INLINE = "inline denial"
PROFILE = "profile swap"

_ANY_ROLE = (
    "The role of a host is not known before the host is looked at, and hosts share roles as a rule: no path or tag "
    "marks one."
)
_CONTENT = f"IAM has no key for what an inline policy says: whoever may write one may allow anything. {_ANY_ROLE}"


def identity_grants(qualifier: str) -> tuple[Needed, ...]:
    """Return what the identity role may do, with the option that needs it."""
    quarantined = names.iam_path(qualifier) + names.quarantined_role(qualifier)
    empty = "It names the one role that may do nothing; putting another back is for whoever may pass that one."
    return (
        Needed(Grant("iam:PutRolePolicy", "role", _CONTENT), (INLINE,)),
        Needed(Grant("iam:DeleteRolePolicy", "role", _ANY_ROLE), (INLINE,)),
        Needed(Grant("iam:GetRolePolicy", "role", f"{_ANY_ROLE} It reads alone."), (INLINE,)),
        Needed(
            Grant(
                "iam:GetInstanceProfile",
                "instance-profile",
                "A host tells its profile, not its role, and which profile differs with each host. It reads alone.",
            ),
            (INLINE, PROFILE),
        ),
        *(Needed(grant, (PROFILE,)) for grant in reads("ec2:DescribeIamInstanceProfileAssociations")),
        Needed(
            Grant(
                "ec2:ReplaceIamInstanceProfileAssociation",
                "instance",
                ONE_INSTANCE,
                {"ArnEquals": {"ec2:NewInstanceProfile": (iam_arn(f"instance-profile{quarantined}"),)}},
            ),
            (PROFILE,),
        ),
        Needed(
            Grant(
                "iam:PassRole",
                f"role{quarantined}",
                empty,
                # the second in the partition aws-cn
                {"StringEquals": {"iam:PassedToService": ("ec2.amazonaws.com", "ec2.amazonaws.com.cn")}},
            ),
            (PROFILE,),
        ),
    )
