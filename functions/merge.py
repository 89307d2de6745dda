# SPDX-License-Identifier: Apache-2.0
"""Two records of the same thing made into one: baseline sections, originals of shared resources, receipts of a step.

Nothing that only one of the two has is lost. A list has the entries of the first and then what the later one adds; a
map has the keys of both. Only values that both have under one key are in conflict, and there the two functions differ.
What is inside such a value is never mixed: it is one fact, read at one moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def keep_first(first: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return both; in a conflict what was written first stays: the later reading may be of Cordon's own change."""
    return _merged(first, later, lambda known, _: known)


def take_latest(first: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return both; in a conflict the later one counts, unless it is None, which says nothing."""
    return _merged(first, later, lambda known, value: known if value is None else value)


def _merged(first: Mapping[str, Any], later: Mapping[str, Any], choose: Callable[[Any, Any], Any]) -> dict[str, Any]:
    merged = dict(first)
    for key, value in later.items():
        known = first.get(key)
        if key not in first:
            merged[key] = value
        elif isinstance(known, list) and isinstance(value, list):
            merged[key] = [*known, *(each for each in value if each not in known)]
        elif isinstance(known, Mapping) and isinstance(value, Mapping):
            shared = {name: choose(known[name], value[name]) for name in value if name in known}
            merged[key] = {**known, **value, **shared}
        else:
            merged[key] = choose(known, value)
    return merged
