# SPDX-License-Identifier: Apache-2.0
"""Names of everything that a deployment has, all made from its qualifier.

The functions, the stacks and the tests take names from here alone, so that a role is never looked for under a name
that nobody gave it. Every name begins with the qualifier: a staging hub can stand beside production.
"""

from __future__ import annotations

CONTAIN = "contain"
RELEASE = "release"
IDENTITY = "identity"
INTAKE = "intake"


def iam_path(qualifier: str) -> str:
    """Return the IAM path of every role and policy, in the hub and in the members."""
    return f"/{qualifier}/"


def member_role(qualifier: str, purpose: str) -> str:
    """Return the name of a member account's role; ``purpose`` is ``contain``, ``release`` or ``identity``."""
    return f"{qualifier}-{purpose}"


def hub_role(qualifier: str, function: str) -> str:
    """Return the name of a function's own role in the hub; ``function`` is ``intake`` or ``release``.

    Role names are unique in an account whatever their path, and the hub has the member roles too.
    """
    return f"{qualifier}-hub-{function}"


def function(qualifier: str, purpose: str) -> str:
    """Return the name of a Lambda function; ``purpose`` is ``intake`` or ``release``."""
    return f"{qualifier}-{purpose}"


def incident_tag(qualifier: str) -> str:
    """Return the key of the tag that names the incident: on what Cordon touches or makes, and on its sessions."""
    return f"{qualifier}:incident"


def external_id(qualifier: str, account: str) -> str:
    """Return the ExternalId that a member's trust policy asks for, bound to that account."""
    return f"{qualifier}-{account}"
