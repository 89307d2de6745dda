# SPDX-License-Identifier: Apache-2.0
"""Checks an output against botocore's model of the operation: names that exist, types that fit, known enums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (datetime,),
    "blob": (bytes,),
}


def misfits(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """Yield every place where a value is not what the shape says."""
    here = path or shape.name
    if shape.type_name == "structure":
        yield from _structure(value, shape, here)
    elif shape.type_name == "list":
        if not isinstance(value, list):
            yield f"{here} is no list"
            return
        for index, each in enumerate(value):
            yield from misfits(each, shape.member, f"{here}[{index}]")
    elif shape.type_name == "map":
        for key, each in value.items():
            yield from misfits(each, shape.value, f"{here}.{key}")
    else:
        yield from _scalar(value, shape, here)


def _structure(value: Any, shape: Any, here: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{here} is no structure"
        return
    for name, each in value.items():
        if name in shape.members:
            yield from misfits(each, shape.members[name], f"{here}.{name}")
        else:
            yield f"{here} has no member {name}"
    yield from (f"{here} lacks {name}" for name in shape.required_members if name not in value)


def _scalar(value: Any, shape: Any, here: str) -> Iterator[str]:
    number_wanted = shape.type_name in ("integer", "long")
    if not isinstance(value, _TYPES[shape.type_name]) or (isinstance(value, bool) and number_wanted):
        yield f"{here} is {value!r}, no {shape.type_name}"
    elif (allowed := getattr(shape, "enum", None)) and value not in allowed:
        yield f"{here} is {value!r}, none of {allowed}"
