# SPDX-License-Identifier: Apache-2.0
"""Incidents in the table: begun together with their baseline, concluded together with their claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from functions.aws.clients import AwsClient
from functions.finding.model import Finding, Target
from functions.incident.claim import Claim, ClaimLostError, LeaseHolder
from functions.incident.conflict import cancellation, transact, writing
from functions.incident.evidence import EvidenceFile
from functions.incident.items import claim_key, dump, finding_key, from_item, incident_key, stamp, to_item, usage_key
from functions.incident.model import AnyResult, Incident, PlannedCall, RestoredItem, State
from functions.incident.record import read_incident, step_values, target_values
from functions.policy.model import Decision, Mode
from functions.runtime import Runtime

_CONDITION = "ConditionalCheckFailed"
_USAGE_KEPT = timedelta(days=2)


class LimitReachedError(Exception):
    """A counter of containments is used up. Attribute ``scope``: what it counts for."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"the limit of containments an hour for {scope} is used up")
        self.scope = scope


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of containments in the present hour that one consumes, and its limit; ``told``: for people."""

    scope: str
    limit: int
    told: str = ""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """Everything that is written when an attempt ends. Without a decision the head stays as it is."""

    state: State
    mode: Mode
    decision: Decision | None
    reason: str
    plan: tuple[PlannedCall, ...] = ()
    steps: tuple[AnyResult, ...] = ()
    residual_risk: tuple[str, ...] = ()
    clocks: Mapping[str, datetime] = field(default_factory=dict)
    timeline: tuple[tuple[datetime, str], ...] = ()
    unfinished: bool = False
    release: tuple[RestoredItem, ...] = ()


class Store:
    """Reads and writes incidents. Every method raises what DynamoDB raises unless it says otherwise."""

    def __init__(self, dynamodb: AwsClient, table: str, runtime: Runtime) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._runtime = runtime

    def load(self, incident: str) -> Incident | None:
        """Return the whole record, or None when there is none; findings alone are no record yet."""
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
        """Record a finding with the incident, and the file of its raw event; writing it again changes nothing."""
        item = to_item(
            {
                **incident_key(incident, f"finding#{finding_key(finding.id)}"),
                "id": finding.id,
                "types": list(finding.types),
                "dialect": finding.dialect.value,
                "severity": finding.severity.label.value,
                "direction": finding.direction.value,
                "title": finding.title,
                "updated_at": stamp(finding.updated_at),
                "message": message,
                "raw": raw.key if raw is not None else None,
                "kept": dump({**asdict(raw), "at": stamp(self._runtime.clock.now())}) if raw is not None else None,
            }
        )
        writing(lambda: self._dynamodb.put_item(TableName=self._table, Item=item), self._runtime)

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

        A section that stands already is not overwritten: the write is refused, and raised. Raises LimitReachedError.
        """
        now = self._runtime.clock.now()
        counters = list(counters)
        writes: list[dict[str, Any]] = [
            {"Put": self._section(incident, name, section, holder, now)} for name, section in sections.items()
        ]
        writes.extend(self._consume(counter, now) for counter in counters)
        writes.append(self._head_begins(incident, target, decision, now))
        try:
            transact(self._dynamodb, writes, self._runtime)
        except ClientError as error:
            reasons = cancellation(error)
            if any(_written_by(reason, holder) for reason in reasons):
                return  # a first try that timed out took effect
            for counter, reason in zip(counters, reasons[len(sections) :], strict=False):
                if reason.get("Code") == _CONDITION:
                    raise LimitReachedError(counter.told or counter.scope) from error
            raise

    def write_section(self, incident: str, name: str, section: Mapping[str, Any], *, holder: LeaseHolder) -> None:
        """Write one section that could only be taken after the containment had begun; it is never overwritten."""
        put = self._section(incident, name, section, holder, self._runtime.clock.now())
        try:
            writing(lambda: self._dynamodb.put_item(**put), self._runtime)
        except ClientError as error:
            if not _written_by(error.response, holder):
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
                    "UpdateExpression": "SET cancelled = :yes",
                    "ConditionExpression": "holder = :holder",
                    "ExpressionAttributeValues": to_item({":holder": holder.token, ":yes": True}),
                }
            }
            for name in sections
        ]
        writes += [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": to_item(usage_key(counter.scope, now)),
                    "UpdateExpression": "ADD containments :less",
                    "ExpressionAttributeValues": to_item({":less": -1}),
                }
            }
            for counter in counters
        ]
        transact(self._dynamodb, writes, self._runtime)

    def _section(
        self, incident: str, name: str, section: Mapping[str, Any], holder: LeaseHolder, now: datetime
    ) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Item": to_item(
                {
                    **incident_key(incident, f"baseline#{name}"),
                    "document": dump(section),
                    "holder": holder.token,
                    "written_at": stamp(now),
                }
            ),
            "ConditionExpression": "attribute_not_exists(pk) OR cancelled = :yes",
            "ExpressionAttributeValues": to_item({":yes": True}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def conclude(
        self, incident: str, target: Target, holder: LeaseHolder, claim: Claim, conclusion: Conclusion
    ) -> Claim | None:
        """Write the outcome and give the lease back, all or nothing.

        Returns None when done, or the claim as it stands when findings came in meanwhile: the lease is still ours and
        nothing was written. Raises ClaimLostError when somebody else took the target over.
        """
        now = self._runtime.clock.now()
        writes = [{"Update": self._give_back(target, holder, claim, conclusion)}]
        if conclusion.decision is not None:
            writes.append({"Update": self._head_ends(incident, target, conclusion, conclusion.decision, now)})
        writes.extend(
            {
                "Put": {
                    "TableName": self._table,
                    "Item": to_item({**incident_key(incident, f"step#{step.name}"), **step_values(step, number)}),
                }
            }
            for number, step in enumerate(conclusion.steps)
        )
        if conclusion.timeline:
            writes.append(
                {
                    "Put": {
                        "TableName": self._table,
                        "Item": to_item(
                            {
                                **incident_key(incident, f"timeline#{stamp(now)}#{holder.token}"),
                                "entries": dump([[stamp(at), text] for at, text in conclusion.timeline]),
                            }
                        ),
                    }
                }
            )
        try:
            transact(self._dynamodb, writes, self._runtime)
        except ClientError as error:
            reasons = cancellation(error)
            if not reasons or reasons[0].get("Code") != _CONDITION:
                raise
            stands = Claim.from_item(reasons[0]["Item"])
            if stands.token == holder.token:
                return stands
            if stands.last_token == holder.token:
                return None  # a first try that timed out took effect
            raise ClaimLostError(incident) from error
        return None

    def _consume(self, counter: Counter, now: datetime) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._table,
                "Key": to_item(usage_key(counter.scope, now)),
                "UpdateExpression": "ADD containments :one SET expires_at = if_not_exists(expires_at, :expires)",
                "ConditionExpression": "attribute_not_exists(containments) OR containments < :limit",
                "ExpressionAttributeValues": to_item(
                    {
                        ":one": 1,
                        ":limit": counter.limit,
                        ":expires": int((now + _USAGE_KEPT).timestamp()),
                    }
                ),
            }
        }

    def _head_begins(self, incident: str, target: Target, decision: Decision, now: datetime) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._table,
                "Key": to_item(incident_key(incident, "head")),
                "UpdateExpression": "SET #state = :state, #mode = :mode, #rule = :rule, origin = :origin, "
                "bundle = :bundle, reason = :reason, target = :target, updated_at = :now, "
                "opened_at = if_not_exists(opened_at, :now)",
                "ExpressionAttributeNames": {"#state": "state", "#mode": "mode", "#rule": "rule"},
                "ExpressionAttributeValues": to_item(
                    {
                        ":state": State.CONTAINING.value,
                        ":mode": decision.mode.value,
                        ":rule": decision.rule or "",
                        ":origin": decision.origin or "",
                        ":bundle": decision.bundle,
                        ":reason": "containment has begun",
                        ":target": target_values(target),
                        ":now": stamp(now),
                    }
                ),
            }
        }

    def _head_ends(
        self, incident: str, target: Target, conclusion: Conclusion, decision: Decision, now: datetime
    ) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": to_item(incident_key(incident, "head")),
            "UpdateExpression": "SET #state = :state, #mode = :mode, #rule = :rule, origin = :origin, "
            "bundle = :bundle, reason = :reason, target = :target, updated_at = :now, #plan = :plan, "
            "residual_risk = :risk, clocks = :clocks, #release = :release, "
            "opened_at = if_not_exists(opened_at, :now)",
            "ExpressionAttributeNames": {
                "#state": "state",
                "#mode": "mode",
                "#rule": "rule",
                "#plan": "plan",
                "#release": "release",
            },
            "ExpressionAttributeValues": to_item(
                {
                    ":state": conclusion.state.value,
                    ":mode": decision.mode.value,
                    ":rule": decision.rule or "",
                    ":origin": decision.origin or "",
                    ":bundle": decision.bundle,
                    ":reason": conclusion.reason,
                    ":target": target_values(target),
                    ":now": stamp(now),
                    ":plan": dump([call.to_json() for call in conclusion.plan]),
                    ":risk": list(conclusion.residual_risk),
                    ":clocks": {name: stamp(at) for name, at in conclusion.clocks.items()},
                    ":release": dump(
                        [
                            [each.step, each.what, each.restored, each.reason, each.retry, each.command]
                            for each in conclusion.release
                        ]
                    ),
                }
            ),
        }

    def _give_back(self, target: Target, holder: LeaseHolder, claim: Claim, conclusion: Conclusion) -> dict[str, Any]:
        names = {"#token": "token", "#state": "state", "#mode": "mode"}
        values: dict[str, Any] = {
            ":token": holder.token,
            ":message": holder.message,
            ":arrivals": claim.arrivals,
            ":state": conclusion.state.value,
            ":mode": conclusion.mode.value,
            ":unfinished": conclusion.unfinished,
        }
        sets = [
            "#state = :state",
            "#mode = :mode",
            "unfinished = :unfinished",
            "last_token = :token",
            "last_message = :message",
        ]
        if not conclusion.unfinished:
            sets.append("unseen = :none")
            values[":none"] = {}
            # Whole, as the lease's holder alone writes it: entry by entry, hundreds would outgrow an expression (4 KB).
            sets.append("seen = :seen")
            values[":seen"] = {**claim.seen, **_now_seen(claim)}
        if conclusion.state is State.RELEASED:
            sets.append("released_at = :released")
            values[":released"] = stamp(self._runtime.clock.now())
        return {
            "TableName": self._table,
            "Key": to_item(claim_key(target)),
            "UpdateExpression": f"SET {', '.join(sets)} REMOVE #token, message, lease_until",
            "ConditionExpression": "#token = :token AND arrivals = :arrivals",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": to_item(values),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


def _now_seen(claim: Claim) -> dict[str, str]:
    """Return, for each finding among the unseen, the latest stamp: of several versions the newest counts."""
    seen: dict[str, str] = {}
    for unseen in claim.unseen.values():
        key = finding_key(unseen.provisional.finding_id)
        seen[key] = max(unseen.updated_at, seen.get(key, ""), claim.seen.get(key, ""))
    return seen


def _written_by(reason: Mapping[str, Any], holder: LeaseHolder) -> bool:
    item = reason.get("Item") or {}
    return bool(item.get("holder", {}).get("S") == holder.token)
