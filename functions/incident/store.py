# SPDX-License-Identifier: Apache-2.0
"""Incidents in the table: begun together with their baseline, concluded together with their claim.

What is written here over an item that another version of Cordon may have written has the condition that the item is no
newer than what this version reads. Where it is, the write is refused and NewerSchemaError raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from functions.aws.clients import AwsClient
from functions.finding.model import Finding, Target
from functions.incident.claim_document import LEASE, given_back, read_claim
from functions.incident.conflict import cancellation, failed_items, refuse_where_newer, transact, writing
from functions.incident.documents import (
    CANCELLED,
    finding_values,
    head_begins,
    head_ends,
    head_first,
    read_incident,
    section_values,
    step_values,
    timeline_values,
    written_by,
)
from functions.incident.errors import ClaimLostError, LimitReachedError
from functions.incident.evidence import EvidenceFile
from functions.incident.items import (
    claim_key,
    finding_key,
    from_item,
    incident_key,
    stamp,
    to_item,
    update_of,
    usage_key,
)
from functions.incident.model import Claim, Conclusion, Incident, LeaseHolder
from functions.incident.schema import NOT_NEWER
from functions.policy.model import Decision
from functions.runtime import Runtime

_CONDITION = "ConditionalCheckFailed"
_USAGE_KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of containments in the present hour that one consumes, and its limit; ``told``: for people."""

    scope: str
    limit: int
    told: str = ""


class Store:
    """Reads and writes incidents. Every method raises what DynamoDB raises unless it says otherwise."""

    def __init__(self, dynamodb: AwsClient, table: str, runtime: Runtime) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._runtime = runtime

    def load(self, incident: str) -> Incident | None:
        """Return the whole record, or None when there is none; findings alone are no record yet.

        Raises RecordError, NewerSchemaError with it, when one of its items can't be read.
        """
        items: list[dict[str, Any]] = []
        start: dict[str, Any] = {}
        while True:
            answer = self._dynamodb.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": incident_key(incident, "")["pk"]}},
                ConsistentRead=True,
                **start,
            )
            items.extend(from_item(item) for item in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return read_incident(incident, items)
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def add_finding(self, incident: str, finding: Finding, *, message: str, raw: EvidenceFile | None) -> None:
        """Record a finding with the incident, and the file of its raw event; writing it again changes nothing.

        Raises NewerSchemaError.
        """
        values = finding_values(finding, message, raw, self._runtime.clock.now())
        self._put(self._replacing(incident, f"finding#{finding_key(finding.id)}", values))

    def add_entry(self, incident: str, text: str, token: str) -> None:
        """Add an entry to the timeline of an incident, whatever else of it can be read; ``token`` tells two apart."""
        now = self._runtime.clock.now()
        self._put(self._timeline(incident, [(now, text)], now, token))

    def begin_containment(
        self,
        incident: str,
        target: Target,
        decision: Decision,
        holder: LeaseHolder,
        *,
        sections: Mapping[str, Mapping[str, Any]],
        counters: Iterable[Counter],
    ) -> None:
        """Write the baseline's new sections and consume the counters, all or nothing, before the first mutation.

        A section that stands already is not overwritten: the write is refused, and raised. Raises LimitReachedError,
        NewerSchemaError.
        """
        now = self._runtime.clock.now()
        counters = list(counters)
        writes: list[dict[str, Any]] = [
            {"Put": self._section(incident, name, section, holder, now)} for name, section in sections.items()
        ]
        writes.extend(self._consume(counter, now) for counter in counters)
        writes.append(
            self._head(
                incident, update_of(head_begins(target, decision, now), if_absent=head_first(now), condition=NOT_NEWER)
            )
        )
        try:
            transact(self._dynamodb, writes, self._runtime)
        except ClientError as error:
            if any(written_by(item, holder) for item in failed_items(error)):
                return  # a first try that timed out took effect
            refuse_where_newer(error)
            for counter, reason in zip(counters, cancellation(error)[len(sections) :], strict=False):
                if reason.get("Code") == _CONDITION:
                    raise LimitReachedError(counter.told or counter.scope) from error
            raise

    def write_section(self, incident: str, name: str, section: Mapping[str, Any], *, holder: LeaseHolder) -> None:
        """Write one section that could only be taken after the containment had begun; it is never overwritten.

        Raises NewerSchemaError.
        """
        put = self._section(incident, name, section, holder, self._runtime.clock.now())
        try:
            writing(lambda: self._dynamodb.put_item(**put), self._runtime)
        except ClientError as error:
            if not any(written_by(item, holder) for item in failed_items(error)):
                refuse_where_newer(error)
                raise

    def cancel_containment(
        self, incident: str, holder: LeaseHolder, *, sections: Iterable[str], counters: Iterable[Counter]
    ) -> None:
        """Take back what ``begin_containment`` wrote, where nothing was changed since and nothing will be.

        A section that was cancelled stands for the record alone: it counts as not there, and another may replace it.
        """
        now = self._runtime.clock.now()
        writes: list[dict[str, Any]] = [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": to_item(incident_key(incident, f"baseline#{name}")),
                    **update_of(CANCELLED, condition="#holder = :holder", given={"holder": holder.token}),
                }
            }
            for name in sections
        ]
        writes += [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": to_item(usage_key(counter.scope, now)),
                    **update_of({}, add={"containments": -1}),
                }
            }
            for counter in counters
        ]
        transact(self._dynamodb, writes, self._runtime)

    def conclude(
        self, incident: str, target: Target, holder: LeaseHolder, claim: Claim, conclusion: Conclusion
    ) -> Claim | None:
        """Write the outcome and give the lease back, all or nothing.

        Returns None when done, or the claim as it stands when findings came in meanwhile: the lease is still ours and
        nothing was written. Raises ClaimLostError when another attempt took the target over, NewerSchemaError.
        """
        now = self._runtime.clock.now()
        writes = [{"Update": self._give_back(target, holder, claim, conclusion, now)}]
        if conclusion.decision is not None:
            writes.append(
                self._head(
                    incident,
                    update_of(
                        head_ends(target, conclusion, conclusion.decision, now),
                        if_absent=head_first(now),
                        condition=NOT_NEWER,
                    ),
                )
            )
        writes.extend(
            {"Put": self._replacing(incident, f"step#{step.name}", step_values(step, number))}
            for number, step in enumerate(conclusion.steps)
        )
        if conclusion.timeline:
            writes.append({"Put": self._timeline(incident, conclusion.timeline, now, holder.token)})
        try:
            transact(self._dynamodb, writes, self._runtime)
        except ClientError as error:
            reasons = cancellation(error)
            if not reasons or reasons[0].get("Code") != _CONDITION:
                refuse_where_newer(error)
                raise
            stands = read_claim(from_item(reasons[0]["Item"]))
            if stands.token == holder.token:
                return stands
            if stands.last_token == holder.token:
                return None  # a first try that timed out took effect
            raise ClaimLostError(incident) from error
        return None

    def _put(self, put: Mapping[str, Any]) -> None:
        try:
            writing(lambda: self._dynamodb.put_item(**put), self._runtime)
        except ClientError as error:
            refuse_where_newer(error)
            raise

    def _head(self, incident: str, update: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._table,
                "Key": to_item(incident_key(incident, "head")),
                **update,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _section(
        self, incident: str, name: str, section: Mapping[str, Any], holder: LeaseHolder, now: datetime
    ) -> dict[str, Any]:
        """Return the put of a section, which may only replace one that was cancelled."""
        condition = f"attribute_not_exists(pk) OR (cancelled = :yes AND {NOT_NEWER})"
        values = section_values(section, holder, now)
        return self._guarded(incident, f"baseline#{name}", values, condition, {":yes": True})

    def _replacing(self, incident: str, sort: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the put of an item that replaces what stands there, unless that is newer."""
        return self._guarded(incident, sort, values, NOT_NEWER)

    def _timeline(
        self, incident: str, entries: Iterable[tuple[datetime, str]], now: datetime, token: str
    ) -> dict[str, Any]:
        item = {**incident_key(incident, f"timeline#{stamp(now)}#{token}"), **timeline_values(entries)}
        return {"TableName": self._table, "Item": to_item(item)}

    def _guarded(
        self,
        incident: str,
        sort: str,
        values: Mapping[str, Any],
        condition: str,
        given: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Item": to_item({**incident_key(incident, sort), **values}),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#schema": "schema"},
            "ExpressionAttributeValues": to_item({":schema": values["schema"], **(given or {})}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _consume(self, counter: Counter, now: datetime) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._table,
                "Key": to_item(usage_key(counter.scope, now)),
                **update_of(
                    {},
                    add={"containments": 1},
                    if_absent={"expires_at": int((now + _USAGE_KEPT).timestamp())},
                    condition="attribute_not_exists(#containments) OR #containments < :limit",
                    given={"limit": counter.limit},
                ),
            }
        }

    def _give_back(
        self, target: Target, holder: LeaseHolder, claim: Claim, conclusion: Conclusion, now: datetime
    ) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": to_item(claim_key(target)),
            **update_of(
                given_back(holder, claim, conclusion, now),
                remove=LEASE,
                condition=f"#token = :token AND #arrivals = :arrivals AND {NOT_NEWER}",
                given={"token": holder.token, "arrivals": claim.arrivals},
            ),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
