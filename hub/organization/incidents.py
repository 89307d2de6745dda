# SPDX-License-Identifier: Apache-2.0
"""Incidents as a list: what the heads in the table say, and which of them are open."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from functions.incident.items import from_item
from functions.incident.model import State
from hub.organization.hub_account import HubAccount, reaching

OPEN = frozenset(
    {
        State.AWAITING_APPROVAL,
        State.CONTAINING,
        State.CONTAINED,
        State.PARTIAL,
        State.FAILED,
        State.RELEASING,
    }
)
"""States in which somebody has something to do: above all, a host may be contained and must be released some day."""


@dataclass(frozen=True, slots=True)
class Line:
    """One incident. ``since`` is when it was opened, UTC."""

    incident: str
    state: State
    account: str
    region: str
    instance: str
    mode: str
    rule: str
    reason: str
    since: str

    @property
    def is_open(self) -> bool:
        """Whether somebody has something to do."""
        return self.state in OPEN

    def to_json(self) -> dict[str, Any]:
        """Return the line as plain data."""
        return {**asdict(self), "state": self.state.value, "open": self.is_open}


def incidents(hub: HubAccount) -> list[Line]:
    """Read every incident's head, oldest first. The whole table is read: an operator's question, not a function's."""
    found: list[Line] = []
    with reaching(f"table {hub.table}", hub.settings):
        pages = hub.client("dynamodb").get_paginator("scan")
        for page in pages.paginate(
            TableName=hub.table,
            FilterExpression="sk = :head",
            ExpressionAttributeValues={":head": {"S": "head"}},
            ConsistentRead=True,
        ):
            found += [_line(from_item(item)) for item in page["Items"]]
    return sorted(found, key=lambda line: (line.since, line.incident))


def _line(head: dict[str, Any]) -> Line:
    target = head["target"]
    return Line(
        incident=head["pk"].removeprefix("incident#"),
        state=State(head["state"]),
        account=target["account"],
        region=target["region"],
        instance=target["instance"],
        mode=head["mode"],
        rule=head["rule"],
        reason=head["reason"],
        since=head["opened_at"],
    )
