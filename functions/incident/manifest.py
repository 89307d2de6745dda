# SPDX-License-Identifier: Apache-2.0
"""The manifest of an incident's evidence: every file with its hash and its version, so that each can be proven.

Made from the record alone, so that the same record gives the same text; whoever reads it needs no table of ours. It
lies beside the files and is written again when there are more of them: the bucket keeps the earlier ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from functions.incident.documents import target_values
from functions.incident.model import Incident, StepOutcome, StepResult

NAME = "manifest.json"
SCHEMA = 1
WHAT = {
    "finding": "an event as it arrived",
    "console.txt": "the console's output; bytes that are no UTF-8 are replaced",
    "screenshot.jpg": "the console's screen",
    "instance": "the instance as EC2 described it, tags and addresses with it",
    "interfaces": "the network interfaces as EC2 described them",
    "security-groups": "the security groups that were in force before containment, with their rules",
    "user-data.bin": "user data, as the host was launched with; it may hold secrets",
}
"""What a file is, by what its name begins with."""

_CAPTURE, _SNAPSHOT = "capture", "snapshot"
_FILE = ("key", "sha256", "version", "bytes", "at")


def document(incident: Incident, steps: Iterable[StepResult] = ()) -> dict[str, Any]:
    """Return the manifest of a record; ``steps`` are results that are not recorded yet, in place of those that are."""
    results = {step.name: step for step in (*incident.steps, *steps)}
    captured, taken = results.get(_CAPTURE), results.get(_SNAPSHOT)
    files = [
        *(_finding(name, kept) for name, kept in incident.kept.items()),
        *(_captured(name, kept) for name, kept in (captured.receipt.get("files", {}) if captured else {}).items()),
    ]
    return {
        "schema": SCHEMA,
        "incident": incident.id,
        "target": target_values(incident.target),
        "findings": sorted(incident.findings),
        "files": sorted(files, key=lambda file: str(file["key"])),
        "snapshots": dict(taken.receipt.get("snapshots", {})) if taken else {},
        "missing": [*_unkept(incident), *_missing(captured)],
    }


def text(incident: Incident, steps: Iterable[StepResult] = ()) -> bytes:
    """Return the manifest as it is kept."""
    return (json.dumps(document(incident, steps), indent=2, sort_keys=True) + "\n").encode()


def _finding(name: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    return {**{key: kept.get(key) for key in _FILE}, "what": WHAT["finding"], "by": "intake", "finding": name}


def _captured(name: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    what = next((told for begins, told in WHAT.items() if name.startswith(begins)), "")
    taken = {"taken": kept.get("taken"), "request": kept.get("request") or None}
    return {**{key: kept.get(key) for key in _FILE}, "what": what, "by": _CAPTURE, **taken}


def _unkept(incident: Incident) -> list[dict[str, str]]:
    reason = "the event as it arrived was not kept"
    return [{"what": name, "reason": reason} for name in sorted(incident.findings) if name not in incident.kept]


def _missing(captured: StepResult | None) -> list[dict[str, str]]:
    items = captured.items if captured is not None else ()
    return [{"what": item.what, "reason": item.reason} for item in items if item.outcome is not StepOutcome.DONE]
