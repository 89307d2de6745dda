# SPDX-License-Identifier: Apache-2.0
"""An incident's items and the record that they make up together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions.finding.model import Target
from functions.incident.items import dump, moment
from functions.incident.model import (
    AnyResult,
    Incident,
    ItemOutcome,
    PlannedCall,
    RestoredItem,
    State,
    StepOutcome,
    StepResult,
)
from functions.policy.model import Mode


def target_values(target: Target) -> dict[str, str]:
    """Return a target as attributes."""
    return {
        "partition": target.partition,
        "account": target.account,
        "region": target.region,
        "instance": target.instance,
    }


def step_values(step: AnyResult, number: int) -> dict[str, Any]:
    """Return a step's end as attributes; ``number`` keeps the order of the steps."""
    return {
        "name": step.name,
        "number": number,
        "outcome": step.outcome.value,
        "reason": step.reason,
        "error": step.error,
        "receipt": dump(step.receipt),
        "items": dump([[p.what, p.outcome.value, p.reason, p.error, p.transient] for p in step.items]),
    }


def _step(values: Mapping[str, Any]) -> AnyResult:
    return StepResult(
        name=values["name"],
        outcome=StepOutcome(values["outcome"]),
        reason=values["reason"],
        error=values.get("error"),
        items=tuple(
            ItemOutcome(what, StepOutcome(outcome), reason, error, transient)
            for what, outcome, reason, error, transient in json.loads(values["items"])
        ),
        receipt=json.loads(values["receipt"]),
    )


def _call(values: Mapping[str, Any]) -> PlannedCall:
    return PlannedCall(values["step"], values["operation"], values["parameters"], values["service"])


def read_incident(incident: str, items: list[dict[str, Any]]) -> Incident | None:
    """Put the record together from its items; None when there is no head among them."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        by_kind.setdefault(str(item["sk"]).partition("#")[0], []).append(item)
    if "head" not in by_kind:
        return None
    head = by_kind["head"][0]
    clocks = {name: moment(text) for name, text in head.get("clocks", {}).items()}
    steps = sorted(by_kind.get("step", []), key=lambda item: int(item["number"]))
    entries = [entry for item in by_kind.get("timeline", []) for entry in json.loads(item["entries"])]
    return Incident(
        id=incident,
        target=Target(**head["target"]),
        state=State(head["state"]),
        mode=Mode(head["mode"]),
        rule=head["rule"] or None,
        origin=head["origin"] or None,
        bundle=head["bundle"],
        reason=head["reason"],
        findings=tuple(item["id"] for item in by_kind.get("finding", [])),
        types=tuple(dict.fromkeys(each for item in by_kind.get("finding", []) for each in item["types"])),
        plan=tuple(_call(call) for call in json.loads(head.get("plan", "[]"))),
        steps=tuple(_step(item) for item in steps),
        residual_risk=tuple(head.get("residual_risk", [])),
        clocks={name: at for name, at in clocks.items() if at is not None},
        baseline={
            str(item["sk"]).partition("#")[2]: json.loads(item["document"])
            for item in by_kind.get("baseline", [])
            if not item.get("cancelled")
        },
        timeline=tuple((datetime.fromisoformat(at), text) for at, text in sorted(entries)),
        kept={item["id"]: json.loads(item["kept"]) for item in by_kind.get("finding", []) if item.get("kept")},
        release=tuple(RestoredItem(*item) for item in json.loads(head.get("release", "[]"))),
    )
