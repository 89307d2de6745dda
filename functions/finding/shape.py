# SPDX-License-Identifier: Apache-2.0
"""Reads parsed JSON without trusting it, and shows parts of it in a reason.

``mapping`` and ``sequence`` are strict: data for targets, account or type must have the right shape. ``lenient`` is
not: data that only describes (tags, evidence) must not keep Cordon from acting on a finding. Nothing here recurses, so
depth does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from functions.finding.errors import RejectedError

SHOWN_CHARACTERS: Final = 80
_LARGEST_SHOWN: Final = 10**20
_EMPTY: Final[Mapping[str, Any]] = {}


def show(value: object) -> str:
    """Return the value as it may stand in a reason: escaped, at most about 80 characters."""
    if isinstance(value, str):
        return _escaped(value)
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        # Python refuses to print integers of thousands of digits.
        return repr(value) if isinstance(value, float) or abs(value) < _LARGEST_SHOWN else "a huge number"
    return kind(value)


def _escaped(value: str) -> str:
    # repr leaves printable Unicode alone; ascii leaves nothing that a terminal could act on or a person mistake.
    escaped = ascii(value[:SHOWN_CHARACTERS])
    if len(value) <= SHOWN_CHARACTERS and len(escaped) <= SHOWN_CHARACTERS + 2:
        return escaped
    return escaped[:SHOWN_CHARACTERS] + escaped[0] + "..."


def kind(value: object) -> str:
    """Return what sort of JSON value it is, with its article."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "nothing" if value is None else "no JSON value"


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """Return the object; an absent one is empty. Raise RejectedError for anything else."""
    if value is None:
        return _EMPTY
    if isinstance(value, Mapping):
        return value
    raise RejectedError(f"{where} should be an object, not {kind(value)}")


def sequence(value: object, where: str) -> list[Any]:
    """Return the list; an absent one is empty. Raise RejectedError for anything else."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise RejectedError(f"{where} should be a list, not {kind(value)}")


def lenient(value: object, *path: str) -> Mapping[str, Any]:
    """Return the object at the end of the path of keys, or an empty one if anything on the way is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else _EMPTY


def lenient_list(value: object) -> list[Any]:
    """Return the list, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """Return the string; None for anything else, the empty one included."""
    return value if isinstance(value, str) and value else None


def is_true(value: object) -> bool:
    """Tell true, also where a hub spelt it as a string; the string "false" is false."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")
