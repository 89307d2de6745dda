# SPDX-License-Identifier: Apache-2.0
"""The Lambda handler that reports every change of the control record: kill switch, policy and directory in force.

It reads the table's stream, filtered on that one item. A change that it can't report is an error of the function: the
stream offers it again, and an alarm goes off if the error persists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from functions.incident.items import CONTROL_KEY, from_item
from functions.notify import Notifier
from functions.start import start

_SUBJECT = "the control record was changed"
_POINTERS = {"bundle": "Policy", "directory": "Directory"}
_SWITCHES = "switched_off"


class UntoldError(Exception):
    """A change could not be reported; the stream has to offer it again."""


def tell(notifier: Notifier, event: Mapping[str, Any]) -> int:
    """Report every change of the control record in a batch of the stream; return how many there were.

    Raises UntoldError at the first change that could not be reported.
    """
    told = 0
    for record in event.get("Records", []):
        change = record["dynamodb"]
        if from_item(change["Keys"]) != CONTROL_KEY:
            continue
        lines = _lines(from_item(change.get("OldImage", {})), from_item(change.get("NewImage", {})))
        if not notifier.tell(_SUBJECT, lines):
            raise UntoldError("a change of the control record could not be reported")
        told += 1
    return told


def _lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    before, after = set(old.get(_SWITCHES, ())), set(new.get(_SWITCHES, ()))
    lines = {
        "Switched off": _listed(after - before),
        "Switched on again": _listed(before - after),
        "Still off": _listed(before & after),
    }
    for attribute, name in _POINTERS.items():
        if old.get(attribute) != new.get(attribute):
            lines[name] = f"{_digest(old, attribute)} -> {_digest(new, attribute)}"
    others = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)} - {
        *_POINTERS,
        _SWITCHES,
        "pk",
        "sk",
    }
    lines["Also changed"] = _listed(others)
    return lines


def _digest(item: Mapping[str, Any], attribute: str) -> str:
    return str(item.get(attribute) or "none")[:12]


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(sorted(map(str, values)))


_kept: list[Notifier] = []


def handler(event: Mapping[str, Any], _context: object) -> dict[str, int]:
    """Lambda's entry point."""
    if not _kept:
        settings, clients = start()
        _kept.append(Notifier(clients.hub("sns"), settings.topic))
    return {"told": tell(_kept[0], event)}
