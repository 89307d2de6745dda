# SPDX-License-Identifier: Apache-2.0
"""The stored form of an incident's items and of shared resources: the only place that knows their field names.

Each ``..._values`` function returns an item's attributes without its key, and each ``read_...`` function takes them
apart again, the key with them. ``head_...`` functions return what an update of the head sets. What lies in an attribute
as text is JSON: objects by field name, so that a version which knows one field more or less still reads the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from functions.finding.model import Finding, Target
from functions.incident.evidence import EvidenceFile
from functions.incident.items import Name, dump, moment, stamp
from functions.incident.model import (
    AnyResult,
    Conclusion,
    Headline,
    Incident,
    ItemOutcome,
    LeaseHolder,
    PlannedCall,
    RestoredItem,
    SharedRecord,
    State,
    StepOutcome,
    StepResult,
)
from functions.incident.schema import SCHEMAS, incident_of, kind_of, reading
from functions.policy.model import Decision, Mode

HEADLINE = ("pk", "sk", "schema", "state", "target", "mode", "rule", "reason", "opened_at")
"""The attributes that ``read_headline`` needs, for a query that reads many heads."""


def target_values(target: Target) -> dict[str, str]:
    """Return a target as attributes."""
    return {
        "partition": target.partition,
        "account": target.account,
        "region": target.region,
        "instance": target.instance,
    }


def read_target(values: Mapping[str, Any]) -> Target:
    """Read a target."""
    return Target(
        partition=values["partition"],
        account=values["account"],
        region=values["region"],
        instance=values["instance"],
    )


def head_opened(target: Target, now: datetime) -> dict[str, Any]:
    """Return what the head has until something is decided."""
    return {
        "schema": SCHEMAS["head"],
        "state": State.OBSERVED.value,
        "mode": Mode.OFF.value,
        "rule": "",
        "origin": "",
        "bundle": "",
        "reason": "claimed, not decided yet",
        "target": target_values(target),
        "opened_at": stamp(now),
    }


def head_begins(target: Target, decision: Decision, now: datetime) -> dict[Name, Any]:
    """Return what is set when a containment begins."""
    return _head(target, decision, State.CONTAINING, "containment has begun", now)


def head_ends(target: Target, conclusion: Conclusion, decision: Decision, now: datetime) -> dict[Name, Any]:
    """Return what is set when an attempt ends with a decision."""
    return {
        **_head(target, decision, conclusion.state, conclusion.reason, now),
        "plan": dump([_call_values(call) for call in conclusion.plan]),
        "residual_risk": list(conclusion.residual_risk),
        "clocks": {name: stamp(at) for name, at in conclusion.clocks.items()},
        "release": dump([_restored_values(item) for item in conclusion.release]),
    }


def head_first(now: datetime) -> dict[str, Any]:
    """Return what those updates set only where the head does not have it."""
    return {"opened_at": stamp(now)}


def head_releasing(now: datetime) -> dict[Name, Any]:
    """Return what is set when a release begins."""
    return {"schema": SCHEMAS["head"], "state": State.RELEASING.value, "updated_at": stamp(now)}


def _head(target: Target, decision: Decision, state: State, reason: str, now: datetime) -> dict[Name, Any]:
    return {
        "schema": SCHEMAS["head"],
        "state": state.value,
        "mode": decision.mode.value,
        "rule": decision.rule or "",
        "origin": decision.origin or "",
        "bundle": decision.bundle,
        "reason": reason,
        "target": target_values(target),
        "updated_at": stamp(now),
    }


def finding_values(finding: Finding, message: str, raw: EvidenceFile | None, now: datetime) -> dict[str, Any]:
    """Return a finding of the incident, and the file of its raw event where there is one."""
    return {
        "schema": SCHEMAS["finding"],
        "id": finding.id,
        "types": list(finding.types),
        "dialect": finding.dialect.value,
        "severity": finding.severity.label.value,
        "direction": finding.direction.value,
        "title": finding.title,
        "updated_at": stamp(finding.updated_at),
        "message": message,
        "raw": raw.key if raw is not None else None,
        "kept": dump(_file_values(raw, now)) if raw is not None else None,
    }


def section_values(section: Mapping[str, Any], holder: LeaseHolder, now: datetime) -> dict[str, Any]:
    """Return one section of the baseline; what is in it is the step's own."""
    return {
        "schema": SCHEMAS["baseline"],
        "document": dump(section),
        "holder": holder.token,
        "written_at": stamp(now),
    }


CANCELLED: dict[Name, Any] = {"cancelled": True}
"""What is set on a section that counts as not there: nothing was changed after it, and nothing will be."""


def written_by(item: Mapping[str, Any], holder: LeaseHolder) -> bool:
    """Tell whether this attempt wrote an item that is a section."""
    return bool(item.get("holder") == holder.token)


def step_values(step: AnyResult, number: int) -> dict[str, Any]:
    """Return a step's end; ``number`` keeps the order of the steps."""
    return {
        "schema": SCHEMAS["step"],
        "name": step.name,
        "number": number,
        "outcome": step.outcome.value,
        "reason": step.reason,
        "error": step.error,
        "receipt": dump(step.receipt),
        "items": dump([_outcome_values(item) for item in step.items]),
    }


def timeline_values(entries: Iterable[tuple[datetime, str]]) -> dict[str, Any]:
    """Return entries of the timeline that are written together."""
    return {"schema": SCHEMAS["timeline"], "entries": dump([{"at": stamp(at), "text": text} for at, text in entries])}


def shared_values(record: SharedRecord) -> dict[str, Any]:
    """Return a shared resource."""
    return {
        "schema": SCHEMAS["uses"],
        "incidents": dump(record.incidents),
        "original": dump(record.original),
        "version": record.version,
        "restoring": record.restoring,
        "until": stamp(record.until) or None,
    }


def read_shared(item: Mapping[str, Any]) -> SharedRecord:
    """Read a shared resource. Raises NewerSchemaError and RecordError, like every reader here."""
    with reading(item):
        return SharedRecord(
            incidents=json.loads(item["incidents"]),
            original=json.loads(item["original"]),
            version=int(item["version"]),
            restoring=item.get("restoring"),
            until=moment(item.get("until", "")),
        )


def read_headline(item: Mapping[str, Any]) -> Headline:
    """Read of a head what a list of incidents shows."""
    with reading(item):
        return Headline(
            incident=incident_of(item) or "",
            target=read_target(item["target"]),
            state=str(item["state"]),
            mode=str(item["mode"]),
            rule=item["rule"],
            reason=item["reason"],
            opened_at=item["opened_at"],
        )


def read_incident(incident: str, items: Iterable[Mapping[str, Any]]) -> Incident | None:
    """Put the record together from its items; None when there is no head among them.

    Items of a kind that this version doesn't know are left out.
    """
    by_kind: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        by_kind.setdefault(kind_of(item), []).append(item)
    if "head" not in by_kind:
        return None
    (head,) = by_kind["head"]
    findings = [_read_finding(item) for item in by_kind.get("finding", [])]
    steps = sorted(by_kind.get("step", []), key=_number)
    with reading(head):
        clocks = {name: moment(text) for name, text in head.get("clocks", {}).items()}
        return Incident(
            id=incident,
            target=read_target(head["target"]),
            state=State(head["state"]),
            mode=Mode(head["mode"]),
            rule=head["rule"] or None,
            origin=head["origin"] or None,
            bundle=head["bundle"],
            reason=head["reason"],
            findings=tuple(each["id"] for each in findings),
            types=tuple(dict.fromkeys(name for each in findings for name in each["types"])),
            # These four are there from the first conclusion on.
            plan=tuple(_call(call) for call in json.loads(head.get("plan", "[]"))),
            release=tuple(_restored(each) for each in json.loads(head.get("release", "[]"))),
            residual_risk=tuple(head.get("residual_risk", [])),
            clocks={name: at for name, at in clocks.items() if at is not None},
            steps=tuple(_step(item) for item in steps),
            baseline=_baseline(by_kind.get("baseline", [])),
            timeline=_timeline(by_kind.get("timeline", [])),
            kept={each["id"]: each["kept"] for each in findings if each["kept"]},
        )


def _file_values(file: EvidenceFile, now: datetime) -> dict[str, Any]:
    return {
        "key": file.key,
        "sha256": file.sha256,
        "version": file.version,
        "bytes": file.bytes,
        "at": stamp(now),
    }


def _read_finding(item: Mapping[str, Any]) -> dict[str, Any]:
    with reading(item):
        kept = json.loads(item["kept"]) if item.get("kept") else None
        return {"id": item["id"], "types": tuple(item["types"]), "kept": kept}


def _number(item: Mapping[str, Any]) -> int:
    with reading(item):
        return int(item["number"])


def _step(item: Mapping[str, Any]) -> AnyResult:
    with reading(item):
        return StepResult(
            name=item["name"],
            outcome=StepOutcome(item["outcome"]),
            reason=item["reason"],
            error=item.get("error"),
            items=tuple(_outcome(each) for each in json.loads(item["items"])),
            receipt=json.loads(item["receipt"]),
        )


def _baseline(items: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    baseline = {}
    for item in items:
        with reading(item):
            if not item.get("cancelled"):
                baseline[str(item["sk"]).partition("#")[2]] = json.loads(item["document"])
    return baseline


def _timeline(items: Iterable[Mapping[str, Any]]) -> tuple[tuple[datetime, str], ...]:
    entries = []
    for item in items:
        with reading(item):
            entries += [
                (datetime.fromisoformat(entry["at"]), str(entry["text"])) for entry in json.loads(item["entries"])
            ]
    return tuple(sorted(entries))


def _call_values(call: PlannedCall) -> dict[str, Any]:
    return {
        "step": call.step,
        "service": call.service,
        "operation": call.operation,
        "parameters": dict(call.parameters),
    }


def _call(values: Mapping[str, Any]) -> PlannedCall:
    return PlannedCall(
        step=values["step"],
        service=values["service"],
        operation=values["operation"],
        parameters=values["parameters"],
    )


def _outcome_values(item: ItemOutcome) -> dict[str, Any]:
    return {
        "what": item.what,
        "outcome": item.outcome.value,
        "reason": item.reason,
        "error": item.error,
        "transient": item.transient,
    }


def _outcome(values: Mapping[str, Any]) -> ItemOutcome:
    return ItemOutcome(
        what=values["what"],
        outcome=StepOutcome(values["outcome"]),
        reason=values["reason"],
        error=values["error"],
        transient=values["transient"],
    )


def _restored_values(item: RestoredItem) -> dict[str, Any]:
    return {
        "step": item.step,
        "what": item.what,
        "restored": item.restored,
        "reason": item.reason,
        "retry": item.retry,
        "command": item.command,
    }


def _restored(values: Mapping[str, Any]) -> RestoredItem:
    return RestoredItem(
        step=values["step"],
        what=values["what"],
        restored=values["restored"],
        reason=values["reason"],
        retry=values["retry"],
        command=values["command"],
    )
