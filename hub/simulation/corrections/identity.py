# SPDX-License-Identifier: Apache-2.0
"""IAM's quotas, and what a host runs as once its instance profile is replaced.

moto attaches any number of policies to a role, puts any number of tags on it, and replaces an association without the
instance hearing of it. Quotas: IAM user guide, *IAM and AWS STS quotas*. That replacing makes an association with an id
of its own: EC2 API reference, ReplaceIamInstanceProfileAssociation, its example.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.simulation.patches import Patches

_POLICIES_PER_ROLE = 10
_TAGS_PER_ROLE = 50


def correct(patches: Patches) -> None:
    """Replace attaching to a role, tagging it, and replacing a profile."""
    from moto.ec2.models.iam_instance_profile import (
        IamInstanceProfileAssociationBackend,
    )
    from moto.iam.models import IAMBackend

    patches.replace(IAMBackend, "attach_role_policy", _attach(IAMBackend))
    patches.replace(IAMBackend, "tag_role", _tag(IAMBackend))
    patches.replace(
        IamInstanceProfileAssociationBackend,
        "replace_iam_instance_profile_association",
        _replace(IamInstanceProfileAssociationBackend),
    )


def _exceeded(quota: str, most: int) -> Exception:
    from moto.iam.exceptions import LimitExceededException

    return LimitExceededException(f"Cannot exceed quota for {quota}: {most}")


def _attach(owner: Any) -> Callable[..., None]:
    attach = owner.attach_role_policy

    def attach_role_policy(self: Any, policy_arn: str, role_name: str) -> None:
        attached = self.get_role(role_name).managed_policies
        if policy_arn not in attached and len(attached) >= _POLICIES_PER_ROLE:
            raise _exceeded("PoliciesPerRole", _POLICIES_PER_ROLE)
        attach(self, policy_arn, role_name)

    return attach_role_policy


def _tag(owner: Any) -> Callable[..., None]:
    tag = owner.tag_role

    def tag_role(self: Any, role_name: str, tags: list[dict[str, str]]) -> None:
        keys = {each["Key"] for each in (*self.get_role(role_name).tags, *tags)}
        if len(keys) > _TAGS_PER_ROLE:
            raise _exceeded("TagsPerRole", _TAGS_PER_ROLE)
        tag(self, role_name, tags)

    return tag_role


def _replace(owner: Any) -> Callable[..., Any]:
    replace = owner.replace_iam_instance_profile_association

    def replace_iam_instance_profile_association(self: Any, association_id: str, *profile: Any, **named: Any) -> Any:
        from moto.ec2.utils import random_iam_instance_profile_association_id

        made = replace(self, association_id, *profile, **named)
        made.association_id = random_iam_instance_profile_association_id()
        worn = {"Arn": made.iam_instance_profile.arn, "Id": made.association_id}
        self.modify_instance_attribute(made.instance_id, "iam_instance_profile", worn)
        return made

    return replace_iam_instance_profile_association
