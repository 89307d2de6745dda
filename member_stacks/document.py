# SPDX-License-Identifier: Apache-2.0
"""IAM documents as plain data: how grants become statements. Nothing here needs CDK, so tests can read it quickly.

Partition and account are CloudFormation's pseudo parameters: the same text is right in every partition.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from functions import names
from functions.grants import Grant

Statement = Mapping[str, Any]
Document = Mapping[str, Any]

POLICY_LIMIT = 6_144
"""Characters that a managed policy may have, white space not counted (IAM quotas)."""
ATTACHED_LIMIT = 10
"""Managed policies that a role may have (IAM quotas)."""

_PARTITION = "arn:${AWS::Partition}"
_WITHOUT_ACCOUNT = ("snapshot",)


def document(statements: Iterable[Statement]) -> Document:
    """Return a policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def substituted(text: str) -> Any:
    """Return a text that has CloudFormation's pseudo parameters in it, or none, as a template takes it.

    Only where it has some: IAM's own variables look the same, and CloudFormation would look for those too.
    """
    return {"Fn::Sub": text} if "${AWS::" in text else text


def iam_arn(resource: str, account: str = "${AWS::AccountId}") -> str:
    """Return the ARN of something of IAM's; ``resource`` as in ``role/cordon/cordon-contain``."""
    return f"{_PARTITION}:iam::{account}:{resource}"


_BETWEEN = {"autoscaling": ":", "elasticloadbalancing": "/"}
"""What stands between kind and name in the ARNs of other services (service authorization reference)."""
_GLOBAL = ("iam",)
"""Services without Regions: the Region that a call asks for is not where they are."""


def arn_of(grant: Grant, qualifier: str) -> str:
    """Return the ARN that a grant is for: every resource of its kind in the account, or the one that it names."""
    if grant.resource == "*":
        return "*"
    if grant.service == "iam":
        one = grant.resource.replace("{qualifier}", qualifier)
        return iam_arn(one if "/" in one else f"{one}/*")
    if grant.service != "ec2":
        between = _BETWEEN[grant.service]
        return f"{_PARTITION}:{grant.service}:*:${{AWS::AccountId}}:{grant.resource}{between}*"
    owner = "*" if grant.any_owner else "" if grant.resource in _WITHOUT_ACCOUNT else "${AWS::AccountId}"
    return f"{_PARTITION}:ec2:*:{owner}:{grant.resource}/*"


def conditions_of(grant: Grant, qualifier: str) -> dict[str, dict[str, Any]]:
    """Return a grant's conditions as IAM has them."""

    def named(text: str) -> str:
        return text.replace("{incident_tag}", names.incident_tag(qualifier)).replace("{qualifier}", qualifier)

    found = {
        operator: {named(key): _values(map(named, values)) for key, values in keys.items()}
        for operator, keys in grant.conditions.items()
    }
    return {operator: dict(sorted(keys.items())) for operator, keys in sorted(found.items())}


def statements_of(grants: Iterable[Grant], *, qualifier: str, regions: Iterable[str]) -> list[Statement]:
    """Return the statements that allow exactly these grants: those under the same conditions stand together.

    The Regions narrow them all, so they are said once, by a denial: said in each statement, the Regions of a large
    organisation alone would outgrow a managed policy.
    """
    granted = list(grants)
    actions: list[tuple[dict[str, dict[str, Any]], str, list[str]]] = []
    for grant in granted:
        condition, arn = conditions_of(grant, qualifier), arn_of(grant, qualifier)
        together = next((each for each in actions if each[:2] == (condition, arn)), None)
        if together is None:
            actions.append((condition, arn, [grant.action]))
        else:
            together[2].append(grant.action)
    statements: list[tuple[dict[str, dict[str, Any]], list[str], list[str]]] = []
    for condition, arn, named in actions:
        alike = next((each for each in statements if each[0] == condition and each[1] == named), None)
        if alike is None:
            statements.append((condition, named, [arn]))
        else:
            alike[2].append(arn)
    elsewhere = {
        "Sid": "NoOtherRegion",
        "Effect": "Deny",
        "Action": [f"{service}:*" for service in sorted({grant.service for grant in granted} - set(_GLOBAL))],
        "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:RequestedRegion": list(regions)}},
    }
    return [
        elsewhere,
        *_allowing(statements),
    ]


def documents(statements: Iterable[Statement]) -> list[Document]:
    """Return as few documents as these statements fit into, in their order, each within the size of a managed policy.

    A denial in one of them applies to all, since all are attached to the same role.
    """
    found: list[list[Statement]] = [[]]
    for statement in statements:
        if found[-1] and characters(document([*found[-1], statement])) > POLICY_LIMIT:
            found.append([])
        found[-1].append(statement)
    return [document(each) for each in found]


def characters(written: Document) -> int:
    """Return how long a document is for IAM at most: pseudo parameters are longer than what they stand for."""
    return len(json.dumps(_unsubstituted(written), separators=(",", ":")))


def _unsubstituted(value: Any) -> Any:
    if isinstance(value, Mapping):
        if list(value) == ["Fn::Sub"]:
            return value["Fn::Sub"]
        return {key: _unsubstituted(each) for key, each in value.items()}
    return [_unsubstituted(each) for each in value] if isinstance(value, list) else value


def _allowing(statements: Iterable[tuple[dict[str, dict[str, Any]], list[str], list[str]]]) -> list[Statement]:
    return [
        {
            "Effect": "Allow",
            "Action": sorted(named),
            "Resource": [substituted(arn) for arn in sorted(arns)],
            **({"Condition": condition} if condition else {}),
        }
        for condition, named, arns in statements
    ]


def narrowed(grant: Grant) -> bool:
    """Tell whether more than the Region and the session policy narrows a grant."""
    return bool(grant.conditions) or "/" in grant.resource


def _values(values: Iterable[str]) -> Any:
    written = [substituted(value) for value in values]
    return written[0] if len(written) == 1 else written


def trusting_ec2() -> Document:
    """Return the trust policy of a role that instances run as."""
    return document(
        [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": substituted("ec2.${AWS::URLSuffix}")},
            }
        ]
    )
