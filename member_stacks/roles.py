# SPDX-License-Identifier: Apache-2.0
"""A member role with its policy: both in Cordon's own IAM path, under the boundary, made from grants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import Acknowledgment, IResolvable, Validations
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions import names
from functions.steps.grant import Grant
from functions.steps.registry import Needed
from member_stacks.document import arn_of, document, statements_of
from member_stacks.props import MemberProps
from member_stacks.trust import trust

MAX_SESSION_SECONDS = 3_600
"""The least that IAM lets a role have; the functions ask for 900."""


class MemberRole(Construct):
    """A role that one function of the hub may assume for an incident, with a managed policy of its own."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        props: MemberProps,
        purpose: str,
        assumed_by: str,
        description: str,
        grants: Iterable[Needed],
        boundary: str,
    ) -> None:
        super().__init__(scope, name)
        granted = [needed.grant for needed in grants]
        path = names.iam_path(props.qualifier)
        policy = iam.CfnManagedPolicy(
            self,
            "Policy",
            managed_policy_name=names.member_policy(props.qualifier, purpose),
            path=path,
            description=description,
            policy_document=document(statements_of(granted, qualifier=props.qualifier, regions=props.regions)),
        )
        acknowledge_wide(policy, reasons(granted))
        self.role = iam.CfnRole(
            self,
            "Role",
            role_name=names.member_role(props.qualifier, purpose),
            path=path,
            description=description,
            assume_role_policy_document=trust(props, assumed_by),
            managed_policy_arns=[policy.ref],
            permissions_boundary=boundary,
            max_session_duration=MAX_SESSION_SECONDS,
        )


def reasons(grants: Iterable[Grant]) -> dict[str, str]:
    """Return for each ARN that these grants are for why it is as wide as it is."""
    found: dict[str, dict[str, None]] = {}
    for grant in grants:
        found.setdefault(arn_of(grant), {})[f"{grant.action}: {grant.why}"] = None
    return {arn: " ".join(sentences) for arn, sentences in found.items() if "*" in arn}


def acknowledge_wide(construct: iam.CfnManagedPolicy | IResolvable, why: Mapping[str, str]) -> None:
    """Tell cdk-nag why a policy has resources with a ``*``: ARN -> reason."""
    Validations.of(construct).acknowledge(
        *(
            Acknowledgment(id=f"AwsSolutions::AwsSolutions-IAM5[Resource::{_as_found(arn)}]", reason=reason)
            for arn, reason in why.items()
        )
    )


def _as_found(arn: str) -> str:
    """Return an ARN as cdk-nag writes it: pseudo parameters in angle brackets."""
    return arn.replace("${", "<").replace("}", ">")
