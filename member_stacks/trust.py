# SPDX-License-Identifier: Apache-2.0
"""The trust of a member role: only a function of the hub may assume it, for one incident, which it has to name.

The incident's id is the session's name, its SourceIdentity and its tag, all three the same: CloudTrail shows the first
two, and the role's own permissions are bound to the tag.
"""

from __future__ import annotations

from typing import Any

from functions import names
from member_stacks.document import Document, document, iam_arn, substituted
from member_stacks.props import MemberProps

LIMIT = 2_048
"""Characters that a role's trust policy may have (IAM quotas)."""

_SAID = "${sts:SourceIdentity}"


def trust(props: MemberProps, *functions: str) -> Document:
    """Return the trust policy that allows the hub's functions of these names.

    Each action has the conditions whose keys the service authorization reference lists for it: ExternalId and session
    name are there when the role is assumed, not when the session is tagged or its SourceIdentity set.
    """
    path = names.iam_path(props.qualifier)
    hub = [f"role{path}{names.hub_role(props.qualifier, function)}" for function in functions]
    callers = [substituted(iam_arn(each, props.hub_account)) for each in hub]
    tag = names.incident_tag(props.qualifier)
    caller = {
        "aws:PrincipalArn": callers[0] if len(callers) == 1 else callers,
        "aws:PrincipalOrgID": props.organization,
    }
    only_that_tag = {"ForAllValues:StringEquals": {"aws:TagKeys": tag}}
    spoken_for = {
        "aws:RequestTag/" + tag: _SAID,
        "sts:ExternalId": substituted(names.external_id(props.qualifier, "${AWS::AccountId}")),
        "sts:RoleSessionName": _SAID,
    }

    def allow(action: str, equal: dict[str, Any], like: str, **further: Any) -> dict[str, Any]:
        return {
            "Effect": "Allow",
            "Action": action,
            "Principal": {"AWS": substituted(iam_arn("root", props.hub_account))},
            "Condition": {"StringEquals": equal, "StringLike": {like: names.INCIDENT_PATTERN}, **further},
        }

    return document(
        [
            allow("sts:AssumeRole", {**caller, **spoken_for}, "sts:SourceIdentity", **only_that_tag),
            allow("sts:TagSession", caller, f"aws:RequestTag/{tag}", **only_that_tag),
            allow("sts:SetSourceIdentity", caller, "sts:SourceIdentity"),
        ]
    )
