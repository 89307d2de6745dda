# SPDX-License-Identifier: Apache-2.0
"""The shape of ``cordon simulate --json``, as other programs rely on it: every part, its keys, its types, its words.

``problems(document)`` is empty for a document that keeps the contract. Further keys are allowed, missing ones are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Number = (int, float)


@dataclass(frozen=True)
class Maybe:
    """A value of that shape, or null."""

    shape: Any


@dataclass(frozen=True)
class MapOf:
    """A map from text to values of one shape."""

    shape: Any


OUTCOMES = {
    "acted", "observed", "awaiting-approval", "merged", "duplicate", "ignored", "rejected", "dead-lettered",
}  # fmt: skip
STATES = {
    "observed", "awaiting-approval", "containing", "contained", "partial", "failed", "releasing", "released", "closed",
}  # fmt: skip
MODES = {"off", "observe", "approve", "enforce"}
STEP_OUTCOMES = {"done", "skipped", "failed", "planned"}
SERVICES = {"autoscaling", "dynamodb", "ec2", "elbv2", "iam", "organizations", "s3", "securityhub", "sns", "sts"}

RULE = {"protocol": str, "from_port": Maybe(int), "to_port": Maybe(int), "cidr": Maybe(str), "group": Maybe(str)}
PLACED = {"account": str, "region": str}
WORLD = {
    "instances": [
        {
            **PLACED,
            "id": str,
            "state": {"pending", "running", "stopping", "stopped", "shutting-down", "terminated"},
            "lifecycle": {"on-demand", "spot"},
            "enis": [
                {
                    "id": str,
                    "device_index": int,
                    "groups": [str],
                    "connection_tracking": Maybe(MapOf(object)),
                    "addresses": [str],
                }
            ],
            "termination_protection": bool,
            "stop_protection": bool,
            "shutdown_behavior": str,
            "volumes": [{"id": str, "delete_on_termination": bool}],
            "profile": Maybe(str),
            "tags": MapOf(str),
        }
    ],
    "security_groups": [
        {**PLACED, "id": str, "name": str, "vpc": str, "tags": MapOf(str), "ingress": [RULE], "egress": [RULE]}
    ],
    "network_acls": [{**PLACED, "id": str, "subnets": [str], "entries": [MapOf(object)]}],
    "snapshots": [
        {
            **PLACED,
            "id": str,
            "volume": str,
            "state": str,
            "tags": MapOf(str),
            "shared_with": [str],
            "locked": object,
        }
    ],
    "scaling_groups": [
        {
            **PLACED,
            "name": str,
            "min": int,
            "max": int,
            "desired": int,
            "instances": [{"id": str, "lifecycle": str, "protected": bool}],
        }
    ],
    "target_groups": [{**PLACED, "name": str, "targets": [{"id": str, "port": int, "state": str}]}],
    "roles": [{"account": str, "name": str, "tags": MapOf(str), "attached": [str], "inline": MapOf(MapOf(object))}],
    "users": [{"account": str, "name": str, "groups": [str], "active_keys": int}],
}
DOCUMENT = {
    "schema": {1},
    "events": [
        {
            "file": str,
            "index": int,
            "delivery": int,
            "outcome": OUTCOMES,
            "reason": str,
            "receives": int,
            "targets": [
                {**PLACED, "instance": str, "outcome": OUTCOMES, "reason": str, "incident": Maybe(str)},
            ],
        }
    ],
    "incidents": [
        {
            **PLACED,
            "id": str,
            "instance": str,
            "state": STATES,
            "mode": MODES,
            "rule": Maybe(str),
            "origin": Maybe(str),
            "bundle": str,
            "reason": str,
            "findings": [str],
            "plan": [{"step": str, "service": SERVICES, "operation": str, "parameters": MapOf(object)}],
            "steps": [{"name": str, "outcome": STEP_OUTCOMES, "reason": str, "error": Maybe(str)}],
            "residual_risk": [str],
            "time_to_contain_ms": Maybe(int),
            "round_trips_to_isolated": Maybe(int),
        }
    ],
    "calls": [
        {
            "n": int,
            "delivery": int,
            "attempt": int,
            "service": SERVICES,
            "operation": str,
            "parameters": MapOf(object),
            "account": Maybe(str),
            "region": Maybe(str),
            "start_ms": Number,
            "end_ms": Maybe(Number),
            "error": Maybe(str),
            "fault": Maybe(str),
            "incident": Maybe(str),
        }
    ],
    "world_before": WORLD,
    "world": WORLD,
    "world_released": Maybe(WORLD),
}
ERRORS = {"schema": {1}, "errors": [{"message": str}]}


def problems(document: Any, shape: Any = None) -> list[str]:
    """Return where a document breaks the contract, a line for each place."""
    if shape is not None:
        return list(_differences("", document, shape))
    found = list(_differences("", document, DOCUMENT))
    return found or [text for check in (_numbered, _known_incidents, _said) for text in check(document)]


def _differences(path: str, value: Any, shape: Any) -> Iterator[str]:
    if isinstance(shape, Maybe):
        if value is not None:
            yield from _differences(path, value, shape.shape)
    elif isinstance(shape, MapOf):
        yield from _entries(path, value, shape.shape)
    elif isinstance(shape, dict):
        yield from _record(path, value, shape)
    elif isinstance(shape, list):
        yield from _list(path, value, shape[0])
    elif isinstance(shape, set):
        if value not in shape:
            yield f"{path}: {value!r} is none of {sorted(shape)}"
    elif shape is not object and (isinstance(value, bool) is not (shape is bool) or not isinstance(value, shape)):
        yield f"{path}: {value!r} is no {shape}"


def _list(path: str, value: Any, shape: Any) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: {value!r} is no list"
        return
    for index, each in enumerate(value):
        yield from _differences(f"{path}[{index}]", each, shape)


def _record(path: str, value: Any, shape: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    for key, part in shape.items():
        if key not in value:
            yield f"{path}.{key}: missing"
        else:
            yield from _differences(f"{path}.{key}", value[key], part)


def _entries(path: str, value: Any, shape: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    for key, each in value.items():
        yield from _differences(f"{path}.{key}", each, shape)


def _numbered(document: Any) -> Iterator[str]:
    numbers = [call["n"] for call in document["calls"]]
    if numbers != list(range(1, len(numbers) + 1)):
        yield "calls: n does not count from 1 without a gap"
    for call in document["calls"]:
        if call["end_ms"] is not None and call["end_ms"] < call["start_ms"]:
            yield f"calls[{call['n'] - 1}]: ends before it starts"


def _known_incidents(document: Any) -> Iterator[str]:
    known = {incident["id"] for incident in document["incidents"]}
    for event in document["events"]:
        for target in event["targets"]:
            if target["incident"] not in {None, *known}:
                yield f"events: incident {target['incident']} is not among the incidents"


def _said(document: Any) -> Iterator[str]:
    for event in document["events"]:
        if not event["reason"].strip():
            yield f"events: {event['file']} has no reason"
