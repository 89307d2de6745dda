# SPDX-License-Identifier: Apache-2.0
"""``dynamodb:LeadingKeys``: the partition keys that a call names, for each action of a transaction those of its items.

A query's key is read from its condition, where it is a value (``pk = :pk``); a scan names none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_IN_TRANSACTIONS = {"ConditionCheckItem": "ConditionCheck", "DeleteItem": "Delete", "GetItem": "Get"}
_IN_TRANSACTIONS |= {"PutItem": "Put", "UpdateItem": "Update"}
_EQUALS = re.compile(r"(?P<name>#?\w+) *= *(?P<value>:\w+)")


def leading_keys(action: str, body: bytes) -> list[str]:
    """Return the values of the partition keys that a call is about, for the action of one kind of its items."""
    asked = json.loads(body or b"{}")
    operation = action.partition(":")[2]
    return sorted({str(value) for value in _values(operation, asked)})


def _values(operation: str, asked: Mapping[str, Any]) -> Iterator[Any]:
    for item in asked.get("TransactItems", []):
        for kind, detail in item.items():
            if kind == _IN_TRANSACTIONS.get(operation):
                yield from _key(detail["TableName"], detail.get("Key") or detail.get("Item") or {})
    table = asked.get("TableName")
    if isinstance(table, str):
        yield from _key(table, asked.get("Key") or asked.get("Item") or {})
        yield from _queried(table, asked)
    requests = asked.get("RequestItems")
    for name, several in requests.items() if isinstance(requests, Mapping) else ():
        for key in several["Keys"] if isinstance(several, Mapping) else several:
            for each in key.values() if isinstance(several, list) else (key,):
                yield from _key(name, each.get("Key") or each.get("Item") or each)


def _key(table: str, item: Mapping[str, Any]) -> Iterator[Any]:
    partition = _partition_key(table)
    if partition is not None and partition in item:
        yield from item[partition].values()


def _queried(table: str, asked: Mapping[str, Any]) -> Iterator[Any]:
    names = asked.get("ExpressionAttributeNames", {})
    for match in _EQUALS.finditer(asked.get("KeyConditionExpression") or ""):
        if names.get(match["name"], match["name"]) == _partition_key(table):
            yield from asked["ExpressionAttributeValues"][match["value"]].values()


def _partition_key(table: str) -> str | None:
    from ministack.services import dynamodb

    found = dynamodb._tables.get(table.rpartition("/")[2])
    return (
        next((each["AttributeName"] for each in found["KeySchema"] if each["KeyType"] == "HASH"), None)
        if found
        else None
    )
