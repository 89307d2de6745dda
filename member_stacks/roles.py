# SPDX-License-Identifier: Apache-2.0
"""A member role with its policies: all in Cordon's own IAM path, under the boundary, made from grants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aws_cdk import Acknowledgment, IResolvable, Validations
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions import names
from functions.grants import Grant
from functions.steps.registry import Needed
from member_stacks.document import ATTACHED_LIMIT, arn_of, documents, statements_of
from member_stacks.props import MemberProps
from member_stacks.trust import trust

MAX_SESSION_SECONDS = 3_600
"""The shortest that IAM allows; the functions ask for 900."""


class MemberRole(Construct):
    """A role that one function of the hub may assume for an incident, with managed policies of its own."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        props: MemberProps,
        purpose: str,
        assumed_by: tuple[str, ...],
        description: str,
        grants: Iterable[Needed],
        boundary: str,
    ) -> None:
        super().__init__(scope, name)
        granted = [needed.grant for needed in grants]
        path = names.iam_path(props.qualifier)
        statements = statements_of(granted, qualifier=props.qualifier, regions=props.regions)
        why = reasons(granted, props.qualifier)
        policies = []
        for number, text in enumerate(documents(statements), start=1):
            policy = iam.CfnManagedPolicy(
                self,
                "Policy" if number == 1 else f"Policy{number}",
                managed_policy_name=policy_name(props.qualifier, purpose, number),
                path=path,
                description=description,
                policy_document=text,
            )
            named = {arn for statement in text["Statement"] for arn in map(_text, statement["Resource"])}
            acknowledge_wide(policy, {arn: reason for arn, reason in why.items() if arn in named})
            policies.append(policy.ref)
        if len(policies) > ATTACHED_LIMIT:
            raise ValueError(f"{name}: the grants need {len(policies)} policies, and a role may have {ATTACHED_LIMIT}")
        self.role = iam.CfnRole(
            self,
            "Role",
            role_name=names.member_role(props.qualifier, purpose),
            path=path,
            description=description,
            assume_role_policy_document=trust(props, *assumed_by),
            managed_policy_arns=policies,
            permissions_boundary=boundary,
            max_session_duration=MAX_SESSION_SECONDS,
        )


def policy_name(qualifier: str, purpose: str, number: int) -> str:
    """Return the name of a role's policy: what a role may do can take more than one."""
    return names.member_policy(qualifier, purpose if number == 1 else f"{purpose}-{number}")


def reasons(grants: Iterable[Grant], qualifier: str) -> dict[str, str]:
    """Return for each ARN that these grants are for why it is as wide as it is."""
    found: dict[str, dict[str, None]] = {}
    for grant in grants:
        found.setdefault(arn_of(grant, qualifier), {})[f"{grant.action}: {grant.why}"] = None
    return {arn: " ".join(sentences) for arn, sentences in found.items() if "*" in arn}


def acknowledge_wide(construct: iam.CfnManagedPolicy | IResolvable, why: Mapping[str, str]) -> None:
    """Tell cdk-nag why a policy has resources with a ``*``: ARN -> reason."""
    Validations.of(construct).acknowledge(
        *(
            Acknowledgment(id=f"AwsSolutions::AwsSolutions-IAM5[Resource::{_as_found(arn)}]", reason=reason)
            for arn, reason in why.items()
        )
    )


def _text(resource: Any) -> str:
    return str(resource["Fn::Sub"] if isinstance(resource, Mapping) else resource)


def _as_found(arn: str) -> str:
    """Return an ARN as cdk-nag writes it: pseudo parameters in angle brackets."""
    return arn.replace("${", "<").replace("}", ">")
