# SPDX-License-Identifier: Apache-2.0
"""The refusals that several corrections share, with AWS's own codes."""

from __future__ import annotations

from typing import Any


def ec2_error(code: str, message: str) -> Exception:
    """Return moto's own exception for an EC2 error, to be raised inside moto."""
    from moto.ec2.exceptions import EC2ClientError

    return EC2ClientError(code, message)


def refuse_managed(resource: Any, kind: str) -> None:
    """Refuse a change of what a service manages: others may change only its tags."""
    operator = getattr(resource, "operator", None) or {}
    if operator.get("Managed"):
        raise ec2_error(
            "OperationNotPermitted",
            f"The operation is not permitted: {kind} {resource.id} is managed by {operator['Principal']}.",
        )
    if getattr(resource, "requester_managed", False):
        raise ec2_error("OperationNotPermitted", f"You do not have permission to change {kind} {resource.id}.")


def one_attribute(names: list[str]) -> str:
    """Return the one attribute that a Modify*Attribute call names; AWS takes no more than that."""
    if len(names) > 1:
        raise ec2_error(
            "InvalidParameterCombination", f"Fields for multiple attribute types specified: {', '.join(names)}"
        )
    if not names:
        raise ec2_error("InvalidParameterCombination", "No attributes specified.")
    return names[0]
