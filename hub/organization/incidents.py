# SPDX-License-Identifier: Apache-2.0
"""Incidents as a list: what the heads in the table say, which are open, and which have something to put back.

They are read from the whole table, page after page, for an operator and not for a function. The table has findings,
plans and steps beside the heads, so in a large organisation that takes minutes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from functions.incident.documents import HEADLINE, read_headline
from functions.incident.errors import RecordError
from functions.incident.items import from_item
from functions.incident.model import Headline, State
from functions.incident.schema import incident_of
from hub.organization.hub_account import HubAccount, reaching

_NOTHING_TO_DO = frozenset({State.OBSERVED, State.RELEASED, State.CLOSED})
_PUT_BACK = frozenset({State.RELEASED, State.CLOSED})
_BASELINE = "baseline#"


@dataclass(frozen=True, slots=True)
class Line:
    """One incident. ``state`` is as recorded, and may be one that this version doesn't know. ``since``: UTC.

    touched: its host's baseline was recorded, without which nothing is ever changed.
    """

    incident: str
    state: str
    account: str
    region: str
    instance: str
    mode: str
    rule: str
    reason: str
    since: str
    touched: bool

    @property
    def is_open(self) -> bool:
        """Whether a person has something to do."""
        return self.state not in _NOTHING_TO_DO

    @property
    def to_release(self) -> bool:
        """Whether there is something to put back: exactly then a release is not refused."""
        return self.touched and self.state not in _PUT_BACK

    def to_json(self) -> dict[str, Any]:
        """Return the line as plain data."""
        return {**asdict(self), "open": self.is_open}


@dataclass(frozen=True, slots=True)
class RefusedIncident:
    """An incident whose head can't be read, and the sentence that says why."""

    incident: str
    reason: str


@dataclass(frozen=True, slots=True)
class IncidentList:
    """Every incident of a deployment. ``refused``: those that a newer version recorded, or that are broken."""

    lines: tuple[Line, ...]
    refused: tuple[RefusedIncident, ...] = ()


def incidents(hub: HubAccount) -> IncidentList:
    """Read every incident, oldest first."""
    heads: list[dict[str, Any]] = []
    touched: set[str] = set()
    with reaching(f"table {hub.table}", hub.settings):
        pages = hub.client("dynamodb").get_paginator("scan")
        for page in pages.paginate(
            TableName=hub.table,
            FilterExpression="sk = :head OR begins_with(sk, :baseline)",
            ProjectionExpression=", ".join(f"#{name}" for name in HEADLINE),
            ExpressionAttributeNames={f"#{name}": name for name in HEADLINE},
            ExpressionAttributeValues={":head": {"S": "head"}, ":baseline": {"S": _BASELINE}},
            ConsistentRead=True,
        ):
            for item in map(from_item, page["Items"]):
                if item["sk"] == "head":
                    heads.append(item)
                else:
                    touched.add(item["pk"])
    lines, refused = [], []
    for head in heads:
        try:
            lines.append(_line(read_headline(head), touched=head["pk"] in touched))
        except RecordError as error:
            refused.append(RefusedIncident(incident_of(head) or "", str(error)))
    return IncidentList(
        tuple(sorted(lines, key=lambda line: (line.since, line.incident))),
        tuple(sorted(refused, key=lambda each: each.incident)),
    )


def _line(head: Headline, *, touched: bool) -> Line:
    return Line(
        incident=head.incident,
        state=head.state,
        account=head.target.account,
        region=head.target.region,
        instance=head.target.instance,
        mode=head.mode,
        rule=head.rule,
        reason=head.reason,
        since=head.opened_at,
        touched=touched,
    )
