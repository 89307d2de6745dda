# SPDX-License-Identifier: Apache-2.0
"""From the calls of a simulated run to what AWS charges for: units of DynamoDB, objects, notifications."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any

_READS = {"GetItem": 1, "Query": 1}
_UNIT_BYTES = 1024


def counted(calls: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return units and requests; an item's size is that of its request, which is more than what is stored."""
    return {
        "write_units": sum(_written(call) for call in calls),
        "read_units": sum(_read(call) for call in calls),
        "puts": _number(calls, "s3", "PutObject"),
        "notices": _number(calls, "sns", "Publish"),
    }


def _number(calls: Iterable[Mapping[str, Any]], service: str, operation: str) -> int:
    return sum((call["service"], call["operation"]) == (service, operation) for call in calls)


def _written(call: Mapping[str, Any]) -> int:
    if call["operation"] in {"PutItem", "UpdateItem"}:
        return _units(call["parameters"])
    if call["operation"] == "TransactWriteItems":
        return sum(2 * _units(each) for each in call["parameters"]["TransactItems"])
    return 0


def _read(call: Mapping[str, Any]) -> int:
    if call["operation"] == "BatchGetItem":
        return sum(len(table["Keys"]) for table in call["parameters"]["RequestItems"].values())
    return _READS.get(call["operation"], 0) if call["service"] == "dynamodb" else 0


def _units(parameters: Any) -> int:
    return ceil(len(json.dumps(parameters, default=str)) / _UNIT_BYTES)
