# SPDX-License-Identifier: Apache-2.0
"""The versions of what is stored: every document has the number of its form, and a reader refuses a higher one.

Readers ignore fields that they don't know, so a field that an older version may ignore needs no new number. A number is
raised when an older version that ignored the change would act wrongly (docs/reference/records.md).

A document without a number is refused too: no version was released that stored one, so it is not ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from functions.incident.errors import NewerSchemaError, RecordError

SCHEMAS = {
    "claim": 1,
    "unseen": 1,
    "head": 1,
    "finding": 1,
    "baseline": 1,
    "step": 1,
    "timeline": 1,
    "uses": 1,
}
"""What this version writes and reads. The kind of an item is the first part of its sort key; ``unseen``: an entry."""

NOT_NEWER = "(attribute_not_exists(#schema) OR #schema <= :schema)"
"""Condition of every write over an item that another version may have written; ``:schema``: what its kind has here."""

_UNREADABLE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)


def kind_of(item: Mapping[str, Any]) -> str:
    """Return the kind of an item's plain values."""
    return str(item["sk"]).partition("#")[0]


def title(item: Mapping[str, Any]) -> str:
    """Return what an item is, in words for a person, from its key alone."""
    kind, _, name = str(item["sk"]).partition("#")
    _, _, owner = str(item["pk"]).partition("#")
    if kind == "claim":
        return f"the claim on {owner.rpartition(':')[2]}"
    if kind == "uses":
        account, _, resource = owner.partition("#")
        return f"the record of {resource.replace('#', ' ')} in account {account}"
    titles = {
        "head": "the head",
        "finding": "a finding",
        "baseline": f"the section {name} of the baseline",
        "step": f"the step {name}",
        "timeline": "an entry of the timeline",
    }
    return f"{titles.get(kind, kind)} of {owner}"


def incident_of(item: Mapping[str, Any]) -> str | None:
    """Return the incident that an item belongs to, or None. The form of the item may be unknown."""
    of, _, owner = str(item["pk"]).partition("#")
    if of == "incident":
        return owner
    incident = item.get("incident")
    return incident if isinstance(incident, str) else None


def refuse_newer(item: Mapping[str, Any]) -> None:
    """Raise NewerSchemaError for an item of a higher schema, RecordError for one without a number."""
    check(item.get("schema"), kind_of(item), title(item), incident_of(item))


def check(schema: object, kind: str, what: str, incident: str | None = None) -> None:
    """Raise NewerSchemaError for a number above the one of the kind, RecordError for what is none."""
    if isinstance(schema, bool) or not isinstance(schema, int | Decimal) or schema < 1:
        raise RecordError(what, f"has no schema that any version of Cordon stored ({schema!r})", incident)
    if schema > SCHEMAS[kind]:
        raise NewerSchemaError(what, int(schema), SCHEMAS[kind], incident)


@contextmanager
def reading(item: Mapping[str, Any]) -> Iterator[None]:
    """Take an item apart inside: refuse a newer one first, and raise RecordError for what can't be read."""
    refuse_newer(item)
    with unreadable(title(item), incident_of(item)):
        yield


@contextmanager
def unreadable(what: str, incident: str | None = None) -> Iterator[None]:
    """Raise RecordError for what goes wrong inside while ``what`` is taken apart."""
    try:
        yield
    except _UNREADABLE as error:
        raise RecordError(what, f"can't be read ({error!r})", incident) from error
