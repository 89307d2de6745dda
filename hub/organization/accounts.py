# SPDX-License-Identifier: Apache-2.0
"""The organisation as Organizations has it: every account that is active, with the path of its OU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from functions.aws import errors
from hub.organization.caller import Caller
from hub.organization.errors import OrganizationError
from hub.policy.lock import LockedAccount


def organization_of(caller: Caller) -> str:
    """Return the id of the caller's organisation; raise OrganizationError."""
    client = caller.client("organizations")
    try:
        return str(client.describe_organization()["Organization"]["Id"])
    except errors.AwsError as error:
        raise OrganizationError(f"AWS did not answer which organisation this is: {errors.message(error)}") from error


def accounts_of(caller: Caller) -> dict[str, LockedAccount]:
    """Walk the OUs from the root down and return the accounts by id; raise OrganizationError.

    Suspended and closed accounts are left out: nothing runs there.
    """
    client = caller.client("organizations")
    try:
        (root,) = client.list_roots()["Roots"]
        return {account.id: account for account in _below(client, root["Id"], "/")}
    except errors.AwsError as error:
        raise OrganizationError(
            f"AWS did not list the accounts: {errors.message(error)}. The management account and delegated "
            "administrators may ask"
        ) from error


def _below(client: Any, parent: str, path: str) -> Iterator[LockedAccount]:
    for page in client.get_paginator("list_accounts_for_parent").paginate(ParentId=parent):
        for account in page["Accounts"]:
            # Status is the older name of State.
            if account.get("State", account.get("Status")) == "ACTIVE":
                yield LockedAccount(account["Id"], account["Name"], path)
    for page in client.get_paginator("list_organizational_units_for_parent").paginate(ParentId=parent):
        for unit in page["OrganizationalUnits"]:
            yield from _below(client, unit["Id"], f"{path.rstrip('/')}/{unit['Name']}")
