# SPDX-License-Identifier: Apache-2.0
"""A role without permissions, and its instance profile: a host gets it in exchange for its own."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from functions import names
from member_stacks.document import trusting_ec2


class QuarantinedProfile(Construct):
    """The empty role and its profile, both of the same name."""

    def __init__(self, scope: Construct, name: str, *, qualifier: str, boundary: str) -> None:
        super().__init__(scope, name)
        role = iam.CfnRole(
            self,
            "Role",
            role_name=names.quarantined_role(qualifier),
            path=names.iam_path(qualifier),
            description="Cordon: the role of a host whose profile was swapped; it has no permissions.",
            assume_role_policy_document=trusting_ec2(),
            permissions_boundary=boundary,
        )
        iam.CfnInstanceProfile(
            self,
            "Profile",
            instance_profile_name=names.quarantined_role(qualifier),
            path=names.iam_path(qualifier),
            roles=[role.ref],
        )
