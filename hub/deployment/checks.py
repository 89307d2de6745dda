# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with settings whose values are all well formed: values that don't fit together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hub.deployment.regions import partitions
from hub.policy.errors import Located, located, suggestion
from hub.policy.lock import Lock
from hub.policy.reader import Document

_LISTS: tuple[tuple[str, ...], ...] = (
    ("regions",),
    ("rollout", "canary"),
    ("rollout", "rest"),
    ("guard", "targets"),
    ("guard", "break_glass"),
    ("guard", "deployers"),
    ("operators",),
    ("notify",),
)
_NEEDED: tuple[tuple[str, ...], ...] = (("regions",), ("rollout", "canary"), ("rollout", "rest"))


def check_together(document: Document, lock: Lock | None) -> Iterator[Located]:
    """Yield an error for values that don't fit together, in a document of the right shape."""
    yield from _lists(document)
    yield from _regions(document)
    yield from _disjoint(document)
    yield from _exempt(document)
    if lock is not None:
        yield from _accounts(document, lock)


def _lists(document: Document) -> Iterator[Located]:
    for path in _LISTS:
        found = _at(document, path)
        if path in _NEEDED and not found:
            yield located(document.value(path), path, "is empty: name at least one")
        for position, value in enumerate(found):
            if value in found[:position]:
                here: tuple[str | int, ...] = (*path, position)
                yield located(document.value(here), here, f"{value!r} stands here twice")


def _regions(document: Document) -> Iterator[Located]:
    known, home, regions = partitions(), document.data["home_region"], document.data["regions"]
    places: list[tuple[tuple[str | int, ...], str]] = [(("home_region",), home)]
    places.extend((("regions", position), each) for position, each in enumerate(regions))
    for path, region in places:
        if region not in known:
            message = f"{region!r} is no Region of AWS"
            yield located(document.value(path), path, message, suggestion(region, known))
        elif home in known and known[region] != known[home]:
            message = f"{region!r} is in the partition {known[region]}, the home Region in {known[home]}"
            yield located(document.value(path), path, message)
    if regions and home in known and home not in regions:
        yield located(document.value(("regions",)), ("regions",), f"lacks the home Region {home!r}")


def _disjoint(document: Document) -> Iterator[Located]:
    canary = _at(document, ("rollout", "canary"))
    for position, unit in enumerate(_at(document, ("rollout", "rest"))):
        if unit in canary:
            path = ("rollout", "rest", position)
            yield located(document.value(path), path, f"{unit!r} is in canary already: name an OU only once")


def _exempt(document: Document) -> Iterator[Located]:
    if not _at(document, ("guard", "targets")):
        return
    for key, which in (("break_glass", "are exempt in an emergency"), ("deployers", "may deploy")):
        path = ("guard", key)
        if not _at(document, path):
            yield located(
                document.key(path), path, f"is empty, but the guard has targets: name the principals that {which}"
            )


def _accounts(document: Document, lock: Lock) -> Iterator[Located]:
    management = document.data["management"]
    if management == lock.hub:
        message = (
            f"{management!r} is the hub in organization.lock.json: the hub is a delegated administrator, not management"
        )
        yield located(document.value(("management",)), ("management",), message)
    if lock.forensics is None:
        message = "is missing: the member roles share snapshots with this account and no other"
        yield located(lock.document.value(()), ("forensics",), message)


def _at(document: Document, path: tuple[str, ...]) -> list[Any]:
    found: Any = document.data
    for key in path:
        found = found.get(key, {})
    return list(found)
