# SPDX-License-Identifier: Apache-2.0
"""The status of a stack, by its name: CloudFormation no longer knows a deleted stack by its name."""

from __future__ import annotations

from typing import Any

from functions.aws import errors

ABSENT = "absent"


def status(client: Any, name: str) -> str:
    """Return a stack's status, or ``absent``; raise what CloudFormation raises."""
    return described(client, name).get("StackStatus", ABSENT)


def described(client: Any, name: str) -> dict[str, str]:
    """Return what CloudFormation says of a stack, nothing where there is none; raise what it raises."""
    try:
        found: dict[str, str] = client.describe_stacks(StackName=name)["Stacks"][0]
    except errors.AwsError as error:
        if absent(error):
            return {}
        raise
    return found


def absent(error: BaseException) -> bool:
    """Tell whether CloudFormation says that there is no such stack."""
    return errors.code(error) == "ValidationError" and "does not exist" in errors.message(error)
