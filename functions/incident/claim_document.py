# SPDX-License-Identifier: Apache-2.0
"""The stored form of the claim and of the findings that wait in it: the only place that knows its field names.

``claim_values`` and ``read_claim`` are each other's inverse. The other functions return what an update sets, for
``functions.incident.items.update_of``. A finding that waits has a schema of its own, since another version than that of
the claim may have put it there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from functions import log
from functions.finding.model import Finding
from functions.incident.errors import NewerSchemaError, RecordError
from functions.incident.items import Name, dump, finding_key, moment, stamp
from functions.incident.model import Claim, Conclusion, LeaseHolder, State, Unseen
from functions.incident.schema import SCHEMAS, check, incident_of, reading, title, unreadable
from functions.policy.model import Candidate, Cap, Mode, Provisional

SCHEMA = SCHEMAS["claim"]
LEASE = ("token", "message", "lease_until")
"""What a claim has only while an attempt works on it."""

_EPISODE = ("schema", "incident", *LEASE, "state", "mode", "unseen", "seen", "after_release")
_NOT_ISOLATED = frozenset({State.OBSERVED, State.AWAITING_APPROVAL, State.RELEASED, State.CLOSED})
"""States of an incident whose host has no quarantine group on, unless an attempt works on it just now."""


def unseen_key(finding: Finding, provisional: Provisional) -> str:
    """Return the key of a finding among the unseen, under the mode that was provisionally decided.

    A newer version takes the place of the last one, so that a claim which can't be finished for days doesn't grow with
    every update; but a weaker version never takes the place of a stricter one.
    """
    return f"{finding_key(finding.id)}-{provisional.mode.value}"


def unseen_of(finding: Finding, provisional: Provisional) -> Unseen:
    """Return a finding as it waits in the claim."""
    return Unseen(provisional, finding.types, stamp(finding.updated_at))


def opened(incident: str, finding: Finding, provisional: Provisional, holder: LeaseHolder) -> Claim:
    """Return the claim with which an incident begins; its lease has no end yet."""
    return Claim(
        incident=incident,
        state=State.OBSERVED,
        mode=Mode.OFF,
        token=holder.token,
        message=holder.message,
        lease_until=None,
        unfinished=False,
        after_release=False,
        released_at=None,
        unseen={unseen_key(finding, provisional): unseen_of(finding, provisional)},
        arrivals=1,
    )


def claim_values(claim: Claim) -> dict[str, Any]:
    """Return a claim as attributes; None is left out of the item."""
    return {
        "schema": SCHEMA,
        "incident": claim.incident,
        "state": claim.state.value,
        "mode": claim.mode.value,
        "token": claim.token,
        "message": claim.message,
        "lease_until": stamp(claim.lease_until) or None,
        "unfinished": claim.unfinished,
        "after_release": claim.after_release,
        "released_at": stamp(claim.released_at) or None,
        "last_token": claim.last_token,
        "last_message": claim.last_message,
        "unseen": {key: unseen_text(unseen) for key, unseen in claim.unseen.items()},
        "seen": dict(claim.seen),
        "arrivals": claim.arrivals,
    }


def read_claim(item: Mapping[str, Any]) -> Claim:
    """Read a claim's plain values, with its key. Raises NewerSchemaError, also for a finding in it, and RecordError."""
    with reading(item):
        return Claim(
            incident=item["incident"],
            state=State(item["state"]),
            mode=Mode(item["mode"]),
            token=item.get("token"),
            message=item.get("message"),
            lease_until=moment(item.get("lease_until", "")),
            unfinished=bool(item["unfinished"]),
            after_release=bool(item["after_release"]),
            released_at=moment(item.get("released_at", "")),
            last_token=item.get("last_token"),
            last_message=item.get("last_message"),
            unseen=_unseen(item),
            seen=dict(item["seen"]),
            arrivals=int(item["arrivals"]),
        )


def may_be_isolated(item: Mapping[str, Any]) -> bool:
    """Tell whether a claim's host is isolated or about to be. False for a claim that can't be read.

    Its host then counts as one that wears a quarantine group outside any incident: a further group is made, which
    costs time, and no containment is kept from its host by the record of another one.
    """
    try:
        with reading(item):
            return item.get("token") is not None or State(item["state"]) not in _NOT_ISOLATED
    except RecordError as error:
        log.write("record", level=logging.ERROR, outcome="refused", reason=str(error))
        return False


def lease(holder: LeaseHolder, until: datetime) -> dict[Name, Any]:
    """Return what is set when an attempt takes the lease."""
    return {"schema": SCHEMA, "token": holder.token, "message": holder.message, "lease_until": stamp(until)}


def arrival(key: str, unseen: Unseen) -> dict[Name, Any]:
    """Return what is set when a finding waits; the schema of the claim around it stays what it is."""
    return {("unseen", key): unseen_text(unseen)}


ARRIVED = {"arrivals": 1}
"""What is added with every finding that comes in."""


def reopened(claim: Claim, until: datetime) -> dict[Name, Any]:
    """Return what is set when a new episode begins after a release; what was released when stays."""
    values = claim_values(replace(claim, lease_until=until, after_release=True))
    return {name: values[name] for name in _EPISODE}


def releasing(now: datetime) -> dict[Name, Any]:
    """Return what is set when a release begins."""
    return {
        "schema": SCHEMA,
        "state": State.RELEASING.value,
        "mode": Mode.OFF.value,
        "released_at": stamp(now),
        "after_release": True,
    }


def given_back(holder: LeaseHolder, claim: Claim, conclusion: Conclusion, now: datetime) -> dict[Name, Any]:
    """Return what is set when the lease is given back with a conclusion; ``LEASE`` is removed."""
    values: dict[Name, Any] = {
        "schema": SCHEMA,
        "state": conclusion.state.value,
        "mode": conclusion.mode.value,
        "unfinished": conclusion.unfinished,
        "last_token": holder.token,
        "last_message": holder.message,
    }
    if not conclusion.unfinished:
        # Whole, as the lease's holder alone writes them: entry by entry, hundreds would outgrow an expression (4 KB).
        values["unseen"] = {}
        values["seen"] = {**claim.seen, **_now_seen(claim)}
    if conclusion.state is State.RELEASED:
        values["released_at"] = stamp(now)
    return values


def unseen_text(unseen: Unseen) -> str:
    """Return the stored text of a finding that waits."""
    return dump(
        {
            "schema": SCHEMAS["unseen"],
            "provisional": _provisional_values(unseen.provisional),
            "types": list(unseen.types),
            "updated_at": unseen.updated_at,
        }
    )


def read_unseen(text: str, what: str = "a finding that waits", incident: str | None = None) -> Unseen:
    """Read the stored text of a finding that waits. Raises NewerSchemaError and RecordError."""
    with unreadable(what, incident):
        values = json.loads(text)
        check(values.get("schema"), "unseen", what, incident)
        return Unseen(_provisional(values["provisional"]), tuple(values["types"]), values["updated_at"])


def _unseen(item: Mapping[str, Any]) -> dict[str, Unseen]:
    """Read the findings that wait.

    One that is broken must not block the host's further findings for ever: it is logged and left out. One that a newer
    version wrote is whole, and may be the strictest of them: nothing is decided without it.
    """
    unseen = {}
    for key, text in item["unseen"].items():
        what = f"the finding {key} in {title(item)}"
        try:
            unseen[key] = read_unseen(text, what, incident_of(item))
        except NewerSchemaError:
            raise
        except RecordError as error:
            log.write("record", level=logging.ERROR, outcome="failed", reason=f"{error}: it is left out")
    return unseen


def _now_seen(claim: Claim) -> dict[str, str]:
    """Return, for each finding among the unseen, the latest stamp: of several versions the newest counts."""
    seen: dict[str, str] = {}
    for unseen in claim.unseen.values():
        key = finding_key(unseen.provisional.finding_id)
        seen[key] = max(unseen.updated_at, seen.get(key, ""), claim.seen.get(key, ""))
    return seen


def _provisional_values(provisional: Provisional) -> dict[str, Any]:
    return {
        "finding_id": provisional.finding_id,
        "mode": provisional.mode.value,
        "rule": provisional.rule,
        "origin": provisional.origin,
        "bundle": provisional.bundle,
        "reasons": list(provisional.reasons),
        "candidates": [
            {"rule": each.rule, "origin": each.origin, "mode": each.mode.value, "reasons": list(each.reasons)}
            for each in provisional.candidates
        ],
        "caps": [{"mode": cap.mode.value, "reason": cap.reason} for cap in provisional.caps],
        "withdrawn": provisional.withdrawn,
        "notes": list(provisional.notes),
        "open_exceptions": list(provisional.open_exceptions),
        "sequence_targets": provisional.sequence_targets,
        "active_at": provisional.active_at.isoformat() if provisional.active_at else None,
        "users": list(provisional.users),
    }


def _provisional(values: Mapping[str, Any]) -> Provisional:
    return Provisional(
        finding_id=values["finding_id"],
        mode=Mode(values["mode"]),
        rule=values["rule"],
        origin=values["origin"],
        bundle=values["bundle"],
        reasons=tuple(values["reasons"]),
        candidates=tuple(
            Candidate(rule=each["rule"], origin=each["origin"], mode=Mode(each["mode"]), reasons=tuple(each["reasons"]))
            for each in values["candidates"]
        ),
        caps=tuple(Cap(mode=Mode(cap["mode"]), reason=cap["reason"]) for cap in values["caps"]),
        withdrawn=values["withdrawn"],
        notes=tuple(values["notes"]),
        open_exceptions=tuple(values["open_exceptions"]),
        sequence_targets=int(values["sequence_targets"]),
        active_at=datetime.fromisoformat(values["active_at"]) if values["active_at"] else None,
        users=tuple(values["users"]),
    )
