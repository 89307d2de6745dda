# SPDX-License-Identifier: Apache-2.0
"""The template that StackSets puts into every member account, in one Region: IAM alone, flat, without parameters.

It can be deployed with the default service-managed StackSets role, and by any other means: it is plain data.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from functions import names
from functions.steps.registry import contain_grants, identity_grants, release_grants
from member_stacks.boundary import ANY, boundary
from member_stacks.denial import denial
from member_stacks.props import MemberProps
from member_stacks.quarantined import QuarantinedProfile
from member_stacks.restriction import restriction
from member_stacks.roles import MemberRole, acknowledge_wide

BODY_LIMIT_BYTES = 51_200
"""What a stack set takes as an inline template (CloudFormation CreateStackSet, TemplateBody)."""


class MemberStack(cdk.Stack):
    """What a member account has of Cordon."""

    def __init__(self, scope: Construct, name: str, *, props: MemberProps) -> None:
        super().__init__(
            scope,
            name,
            synthesizer=cdk.BootstraplessSynthesizer(),
            description=f"Cordon ({props.qualifier}): the roles with which the hub contains and releases hosts here.",
        )
        qualifier, path = props.qualifier, names.iam_path(props.qualifier)
        identity = identity_grants() if props.identity else ()
        everything = [needed.grant for needed in (*contain_grants(), *release_grants(), *identity)]
        limit = iam.CfnManagedPolicy(
            self,
            "Boundary",
            managed_policy_name=names.member_policy(qualifier, "boundary"),
            path=path,
            description="Cordon: the most that any of its roles may ever do here.",
            policy_document=boundary(props, everything),
        )
        acknowledge_wide(limit, {"*": ANY})
        MemberRole(
            self,
            "Contain",
            props=props,
            purpose=names.CONTAIN,
            assumed_by=(names.INTAKE,),
            description="Cordon: isolate, protect, snapshot and tag the host of one incident.",
            grants=contain_grants(),
            boundary=limit.ref,
        )
        MemberRole(
            self,
            "Release",
            props=props,
            purpose=names.RELEASE,
            assumed_by=(names.RELEASE,),
            description="Cordon: put the host of one incident back as it was.",
            grants=release_grants(),
            boundary=limit.ref,
        )
        if props.identity:
            QuarantinedProfile(self, "Quarantined", qualifier=qualifier, boundary=limit.ref)
            MemberRole(
                self,
                "Identity",
                props=props,
                purpose=names.IDENTITY,
                assumed_by=(names.INTAKE, names.RELEASE),  # what is written inline is taken away by a release
                description="Cordon: deny the role of the host of one incident by wide IAM rights (opt-in).",
                grants=identity,
                boundary=limit.ref,
            )
        iam.CfnManagedPolicy(
            self,
            "Denial",
            managed_policy_name=names.member_policy(qualifier, "denial"),
            path=path,
            description="Cordon: denies a role for the instances that its tags name, and for no other.",
            policy_document=denial(qualifier),
        )
        kept = iam.CfnManagedPolicy(
            self,
            "Restriction",
            managed_policy_name=names.restriction_policy(qualifier),
            path=path,
            description="Cordon: denies ending, changing or freeing what is isolated.",
            policy_document=restriction(qualifier),
        )
        iam.CfnGroup(
            self,
            "Restricted",
            group_name=names.restricted_group(qualifier),
            path=path,
            managed_policy_arns=[kept.ref],
        )


def member_template(props: MemberProps) -> dict[str, Any]:
    """Return the template as plain data."""
    return synthesised(lambda app: MemberStack(app, names.stack(props.qualifier, "member"), props=props))


def synthesised(make: Callable[[cdk.App], cdk.Stack]) -> dict[str, Any]:
    """Return the template of one stack, without any metadata of CDK's."""
    with tempfile.TemporaryDirectory() as directory:
        app = cdk.App(
            outdir=directory,
            analytics_reporting=False,
            context={"aws:cdk:enable-path-metadata": False, "aws:cdk:enable-asset-metadata": False},
        )
        stack = make(app)
        template: dict[str, Any] = app.synth().get_stack_by_name(stack.stack_name).template
    return template
