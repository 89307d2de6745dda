# SPDX-License-Identifier: Apache-2.0
"""The denial of an instance's role for that instance alone: other hosts of the same role are not affected.

Credentials that EC2 delivers to an instance carry its ARN (``ec2:SourceInstanceARN``) wherever they are used. The
policy denies those whose ARN one of the role's tags names. So a denial needs only this policy on the role and a tag:
never ``iam:PutRolePolicy``, which would make its holder administrator of the account.

The comparison is StringEquals, for which a tag's ``*`` is an ordinary character: ArnEquals would take it for every
instance. There is one statement for each tag, so that a missing tag has an effect only on its own statement; and the
default is no instance's ARN, so that it can't match.

Systems Manager is denied by a tag of its own: where investigators come by it, that tag is not written.
"""

from __future__ import annotations

from functions import names
from functions.steps.iam.role_denial import WAY_IN
from member_stacks.document import Document, document

NONE = "none"


def denial(qualifier: str) -> Document:
    """Return the document: for each slot two statements, all but the way in by one tag, the way in by another."""
    return document(
        {
            "Effect": "Deny",
            **what,
            "Resource": "*",
            "Condition": {"StringEquals": {"ec2:SourceInstanceARN": named(key)}},
        }
        for number in range(1, names.DENIED_TAGS + 1)
        for what, key in (
            ({"NotAction": list(WAY_IN)}, names.denied_tag(qualifier, number)),
            ({"Action": list(WAY_IN)}, names.denied_way_in_tag(qualifier, number)),
        )
    )


def named(key: str) -> str:
    """Return IAM's variable for the instance that one of the role's tags names."""
    return f"${{aws:PrincipalTag/{key}, '{NONE}'}}"
