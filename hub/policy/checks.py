# SPDX-License-Identifier: Apache-2.0
"""Checks of one file alone, beyond its shape: do the types exist, do the expressions make sense.

An empty list or map of criteria is refused as well: to some it means everything, to others nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from functions.policy.match import fits
from hub.policy.errors import Located, located, suggestion
from hub.policy.expressions import lint
from hub.policy.reader import Document


def check_words(document: Document, known_types: Collection[str]) -> Iterator[Located]:
    """Yield an error for each type pattern that nothing fits and each expression that can't be meant."""
    for rule, data in document.data.get("rules", {}).items():
        path = ("rules", rule, "match")
        yield from _empty(document, path, data.get("match", {}), ("types",))
        for position, pattern in enumerate(data.get("match", {}).get("types", ())):
            yield from _pattern(document, (*path, "types", position), pattern, known_types)
        yield from _expression(document, (*path, "where"), data.get("match", {}))
    for exception, data in document.data.get("exceptions", {}).items():
        yield from _empty(document, ("exceptions", exception), data, ("rules", "tags"))
        yield from _expression(document, ("exceptions", exception, "where"), data)


def _empty(document: Document, path: tuple[str, ...], data: dict[str, Any], keys: tuple[str, ...]) -> Iterator[Located]:
    for key in keys:
        if key in data and not data[key]:
            here = (*path, key)
            yield located(document.key(here), here, "is empty: leave it out, or say which")


def _pattern(
    document: Document, path: tuple[str | int, ...], pattern: str, known_types: Collection[str]
) -> Iterator[Located]:
    if any(fits(pattern, name) for name in known_types):
        return
    if "*" not in pattern:
        message = f"{pattern!r} is no GuardDuty finding type"
        yield located(document.value(path), path, message, suggestion(pattern, known_types))
        return
    families = {name.partition("/")[0] + "/*" for name in known_types}
    message = f"no GuardDuty finding type fits {pattern!r}"
    yield located(document.value(path), path, message, suggestion(pattern, families))


def _expression(document: Document, path: tuple[str, ...], data: dict[str, Any]) -> Iterator[Located]:
    if "where" in data:
        for doubt in lint(data["where"]):
            yield located(document.value(path), path, doubt.message, doubt.hint)
