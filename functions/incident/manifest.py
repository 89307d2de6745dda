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
from functions.incident.evidence import Evidence
from functions.incident.model import Incident

NAME = "manifest.json"
SCHEMA = 1

_FILE = ("key", "sha256", "version", "bytes", "at")


def document(incident: Incident, kept: Iterable[Evidence] = ()) -> dict[str, Any]:
    """Return the manifest of a record; ``kept`` is what the steps kept, by this attempt or an earlier one."""
    evidence = tuple(kept)
    files = [
        *(_finding(name, file) for name, file in incident.kept.items()),
        *(file for each in evidence for file in each.files),
    ]
    return {
        "schema": SCHEMA,
        "incident": incident.id,
        "target": target_values(incident.target),
        "findings": sorted(incident.findings),
        "files": sorted(files, key=lambda file: str(file["key"])),
        "snapshots": {volume: snapshot for each in evidence for volume, snapshot in each.snapshots.items()},
        "missing": [*_unkept(incident), *(missing for each in evidence for missing in each.missing)],
    }


def text(incident: Incident, kept: Iterable[Evidence] = ()) -> bytes:
    """Return the manifest as it is kept."""
    return (json.dumps(document(incident, kept), indent=2, sort_keys=True) + "\n").encode()


def _finding(name: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    return {**{key: kept.get(key) for key in _FILE}, "what": "an event as it arrived", "by": "intake", "finding": name}


def _unkept(incident: Incident) -> list[dict[str, str]]:
    reason = "the event as it arrived was not kept"
    return [{"what": name, "reason": reason} for name in sorted(incident.findings) if name not in incident.kept]
