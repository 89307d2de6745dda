# SPDX-License-Identifier: Apache-2.0
"""Provisional decisions as plain JSON-able data, for the incident's record, and back again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from functions.policy.errors import RecordError
from functions.policy.model import Candidate, Cap, Mode, Provisional


def provisional_to_json(provisional: Provisional) -> dict[str, Any]:
    """Return text, whole numbers, None, lists and maps alone; the inverse of ``provisional_from_json``."""
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


def provisional_from_json(data: Mapping[str, Any]) -> Provisional:
    """Read what ``provisional_to_json`` wrote; numbers may have become Decimals. Raises RecordError."""
    try:
        return Provisional(
            finding_id=data["finding_id"],
            mode=Mode(data["mode"]),
            rule=data["rule"],
            origin=data["origin"],
            bundle=data["bundle"],
            reasons=tuple(data["reasons"]),
            candidates=tuple(
                Candidate(each["rule"], each["origin"], Mode(each["mode"]), tuple(each["reasons"]))
                for each in data["candidates"]
            ),
            caps=tuple(Cap(Mode(cap["mode"]), cap["reason"]) for cap in data["caps"]),
            withdrawn=data["withdrawn"],
            notes=tuple(data["notes"]),
            open_exceptions=tuple(data["open_exceptions"]),
            sequence_targets=int(data["sequence_targets"]),
            active_at=datetime.fromisoformat(data["active_at"]) if data["active_at"] else None,
            users=tuple(data.get("users", ())),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise RecordError(f"the stored provisional decision can't be read ({error!r})") from error
