# SPDX-License-Identifier: Apache-2.0
"""The kill switch: scopes in which Cordon only observes, kept in the control item and read in every run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import ClientError

from functions.aws import errors
from functions.incident.items import CONTROL_KEY, from_item, to_item
from functions.organization.control import ORGANIZATION
from hub.organization.hub_account import HubAccount, reaching
from hub.policy.errors import suggestion

_ACCOUNT = re.compile(r"[0-9]{12}")
_UNIT = re.compile(r"/|(/[^/]+)+")


class ScopeError(ValueError):
    """A text is not a scope; the message shows the form of a scope."""


@dataclass(frozen=True, slots=True)
class Switched:
    """What is off now, and whether this call changed anything."""

    off: tuple[str, ...]
    changed: bool


def scope_of(text: str) -> str:
    """Return a scope as the control item spells it; raise ScopeError for any other text."""
    scope = text if text == "/" else text.rstrip("/")
    if scope != ORGANIZATION and not _ACCOUNT.fullmatch(scope) and not _UNIT.fullmatch(scope):
        raise ScopeError(
            f"{text!r} is no scope: write {ORGANIZATION}, the path of an OU such as /Workloads/Prod, or an account id"
        )
    return scope


def switch(hub: HubAccount, scope: str, to: Literal["off", "on"]) -> Switched:
    """Switch a scope off or on again, in one conditional write; what others switch at the same time stays."""
    off = to == "off"
    request = {
        "TableName": hub.table,
        "Key": to_item(CONTROL_KEY),
        "UpdateExpression": "ADD switched_off :scopes" if off else "DELETE switched_off :scopes",
        "ConditionExpression": "NOT contains(switched_off, :scope)" if off else "contains(switched_off, :scope)",
        "ExpressionAttributeValues": {":scope": {"S": scope}, ":scopes": {"SS": [scope]}},
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    with reaching(f"table {hub.table}", hub.settings):
        try:
            item, changed = hub.client("dynamodb").update_item(**request).get("Attributes", {}), True
        except ClientError as error:
            if errors.code(error) != "ConditionalCheckFailedException":
                raise
            item, changed = error.response.get("Item", {}), False
    return Switched(tuple(sorted(from_item(item).get("switched_off", ()))), changed)


def switched_off(hub: HubAccount) -> tuple[str, ...]:
    """Read what is off."""
    with reaching(f"table {hub.table}", hub.settings):
        answer = hub.client("dynamodb").get_item(TableName=hub.table, Key=to_item(CONTROL_KEY), ConsistentRead=True)
    return tuple(sorted(from_item(answer.get("Item", {})).get("switched_off", ())))


def unknown(scope: str, accounts: Mapping[str, str]) -> str:
    """Return a sentence if a scope includes no known account; ``accounts`` are ids with their OU's path.

    A misspelt scope would be off, and everything that was meant on.
    """
    if scope == ORGANIZATION or scope in accounts:
        return ""
    units = {"/"}
    for ou in accounts.values():
        parts = ou.strip("/").split("/")
        units |= {"/" + "/".join(parts[: depth + 1]) for depth in range(len(parts))}
    if scope in units:
        return ""
    near = suggestion(scope, units if scope.startswith("/") else accounts)
    return f"no account of organization.lock.json is in {scope}" + (f"; did you mean {near!r}?" if near else "")


def still_off(scope: str, off: Sequence[str]) -> str:
    """Return the sentence for a scope that was not off itself; another scope that is off may include it."""
    if not off:
        return f"{scope} was on already"
    near = suggestion(scope, off)
    hint = f"; did you mean {near!r}?" if near else ""
    return f"{scope} was not switched off itself; still off: {', '.join(off)}{hint}"
