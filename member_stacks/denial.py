# SPDX-License-Identifier: Apache-2.0
"""The denial of an instance's role for that instance alone: other hosts of the same role go on working.

Credentials that EC2 delivers to an instance carry its ARN (``ec2:SourceInstanceARN``) wherever they are used. The
policy denies those whose ARN one of the role's tags names. So denying takes attaching this policy and writing a tag:
never ``iam:PutRolePolicy``, which would make whoever holds it administrator of the account.

The comparison is StringEquals, for which a tag's ``*`` is a letter like any other: ArnEquals would take it for every
instance. One statement for each tag, so that a tag that isn't there voids its own statement and no other; and a default
that is no instance's ARN, so that it can't match.
"""

from __future__ import annotations

from functions import names
from member_stacks.document import Document, document

NONE = "none"
WAY_IN = ("ec2messages:*", "ssm:*", "ssmmessages:*")
"""What the investigators' way in by Systems Manager needs of the host itself."""


def denial(qualifier: str) -> Document:
    """Return the document."""
    return document(
        {
            "Effect": "Deny",
            "NotAction": list(WAY_IN),
            "Resource": "*",
            "Condition": {
                "StringEquals": {
                    "ec2:SourceInstanceARN": f"${{aws:PrincipalTag/{names.denied_tag(qualifier, number)}, '{NONE}'}}"
                }
            },
        }
        for number in range(1, names.DENIED_TAGS + 1)
    )
