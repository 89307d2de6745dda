# SPDX-License-Identifier: Apache-2.0
"""The shape of the table: keys, and items to and from DynamoDB's typed attributes.

One table, keys ``pk`` and ``sk``. What belongs to a target: its claim. What belongs to an incident: head, findings,
timeline entries, baseline sections, step outcomes, each an item of its own, so that none grows past the 400 KB that
an item holds. What belongs to the hub: control record, quarantine groups by account and Region, usage by hour,
and shared resources, each with the incidents that use it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from functions.finding.model import Target

_TO = TypeSerializer()
_FROM = TypeDeserializer()

Item = dict[str, Any]
"""An item in DynamoDB's typed form: ``{"pk": {"S": ...}, ...}``."""


def claim_key(target: Target) -> dict[str, str]:
    """Return the key of a target's claim."""
    return {"pk": f"target#{target.key}", "sk": "claim"}


def incident_key(incident: str, sort: str) -> dict[str, str]:
    """Return the key of one item of an incident."""
    return {"pk": f"incident#{incident}", "sk": sort}


CONTROL_KEY = {"pk": "control", "sk": "control"}


def groups_key(account: str, region: str) -> dict[str, str]:
    """Return the key of the record of quarantine groups in one account and Region."""
    return {"pk": f"groups#{account}#{region}", "sk": "groups"}


def usage_key(scope: str, now: datetime) -> dict[str, str]:
    """Return the key of a counter of containments: an account, ``organization`` or an account's scaling group."""
    return {"pk": f"usage#{scope}", "sk": now.strftime("%Y-%m-%dT%H")}


def shared_resource_key(account: str, resource: str) -> dict[str, str]:
    """Return the key of a shared resource of an account: ``role#name``, ``user#name``."""
    return {"pk": f"shared#{account}#{resource}", "sk": "uses"}


def account_key(account: str) -> dict[str, str]:
    """Return the key of an account that was looked up because the directory didn't have it."""
    return {"pk": f"account#{account}", "sk": "account"}


def finding_key(finding_id: str) -> str:
    """Return a short, safe name for a finding id."""
    return hashlib.sha256(finding_id.encode()).hexdigest()[:16]


def to_item(values: Mapping[str, Any]) -> Item:
    """Return plain values as an item; None is left out."""
    return {name: _TO.serialize(value) for name, value in values.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item's plain values."""
    return {name: _FROM.deserialize(value) for name, value in item.items()}


Name = str | tuple[str, str]
"""An attribute, or one entry of an attribute that is a map: ``("unseen", key)``."""

_NAMES = re.compile(r"#(\w+)")


def update_of(
    values: Mapping[Name, Any],
    *,
    if_absent: Mapping[str, Any] | None = None,
    add: Mapping[str, Any] | None = None,
    remove: Iterable[str] = (),
    condition: str = "",
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the parameters of an UpdateItem that sets ``values``, without table and key; None is left out.

    if_absent  attributes that are set only where they are not there
    add        numbers to add and members of sets
    remove     attributes to remove
    condition  a condition in which ``#name`` stands for the attribute of that name, and ``:name`` for its new value or
               for one of ``given``
    """
    names: dict[str, str] = {}
    written: dict[str, Any] = dict(given or {})

    def path(name: Name) -> str:
        if isinstance(name, str):
            names[f"#{name}"] = name
            return f"#{name}"
        attribute, entry = name
        names.update({f"#{attribute}": attribute, f"#{attribute}_key": entry})
        return f"#{attribute}.#{attribute}_key"

    def value(name: Name, new: Any) -> str:
        attribute = name if isinstance(name, str) else name[0]
        if attribute in written:
            raise ValueError(f":{attribute} stands for two values")
        written[attribute] = new
        return f":{attribute}"

    sets = [f"{path(name)} = {value(name, new)}" for name, new in values.items() if new is not None]
    sets += [
        f"{path(name)} = if_not_exists({path(name)}, {value(name, new)})"
        for name, new in (if_absent or {}).items()
        if new is not None
    ]
    adds = [f"{path(name)} {value(name, new)}" for name, new in (add or {}).items()]
    removes = [path(name) for name in remove]
    clauses = {"SET": sets, "REMOVE": removes, "ADD": adds}
    names.update({f"#{name}": name for name in _NAMES.findall(condition)})
    return {
        "UpdateExpression": " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts),
        "ExpressionAttributeNames": names,
        **(
            {"ExpressionAttributeValues": to_item({f":{name}": each for name, each in written.items()})}
            if written
            else {}
        ),
        **({"ConditionExpression": condition} if condition else {}),
    }


def dump(value: Any) -> str:
    """Return plain data as JSON text, for attributes that are kept whole; letters of any script take their own size."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        # No store takes a lone surrogate, though JSON may spell one: then it stays spelt.
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return text


def stamp(moment: datetime | None) -> str:
    """Return a moment as text that sorts by time; empty for none."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds") if moment else ""


def moment(text: str) -> datetime | None:
    """Return the moment of a stamp, or None for an empty one."""
    return datetime.fromisoformat(text) if text else None
