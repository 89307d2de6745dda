# SPDX-License-Identifier: Apache-2.0
"""The shape of the YAML files: their keys with their values.

Every key may be absent, because a layer says only what it changes; what must be there in the end is checked after the
layers are merged. ``check`` compares a document with its shape and returns everything that does not fit.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from functions.finding.model import Label
from functions.policy.model import Mode
from hub.policy.errors import Located, located, suggestion
from hub.policy.options import REMOVED, Steps
from hub.policy.reader import Document, kind
from hub.policy.words import (
    Account,
    Count,
    Image,
    Instance,
    Name,
    Organization,
    OuOrRoot,
    OuPath,
    Percent,
    Reason,
    Span,
    Text,
    Until,
)

_CLOSED = ConfigDict(extra="forbid")

ExceptionMode = Literal["off", "observe", "approve"]
AskOrAct = Literal["approve", "enforce"]


@dataclass(frozen=True, slots=True)
class MatchShape:
    """Which findings a rule is for."""

    __pydantic_config__ = _CLOSED
    types: list[Text] | None = None
    severity: Label | None = None
    where: Text | None = None


@dataclass(frozen=True, slots=True)
class RuleShape:
    """What to do about some findings."""

    __pydantic_config__ = _CLOSED
    match: MatchShape | None = None
    mode: Mode | None = None
    steps: Steps | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """The modes that layers below may choose."""

    __pydantic_config__ = _CLOSED
    min: Mode | None = None
    max: Mode | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of every rule, and of single rules; where both are given, both apply."""

    __pydantic_config__ = _CLOSED
    mode: Range | None = None
    rules: dict[Name, Range] | None = None


@dataclass(frozen=True, slots=True)
class Exempt:
    """An exception: lowers the mode for hosts and findings that fit all of its criteria, until it ends."""

    __pydantic_config__ = _CLOSED
    reason: Reason | None = None
    until: Until | None = None
    mode: ExceptionMode | None = None
    account: Account | None = None
    instance: Instance | None = None
    image: Image | None = None
    scaling_group: Text | None = None
    tags: dict[Text, Text] | None = None
    where: Text | None = None
    rules: list[Name] | None = None


@dataclass(frozen=True, slots=True)
class LimitsShape:
    """Beyond these, a person has to approve."""

    __pydantic_config__ = _CLOSED
    containments_per_account_hour: Count | None = None
    containments_per_scaling_group_hour: Count | None = None
    containments_per_attack_sequence: Count | None = None
    scaling_group_share: Percent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationLayer:
    """``config/organization.yaml``."""

    __pydantic_config__ = _CLOSED
    version: Literal[1]
    mode: Mode | None = None
    steps: Steps | None = None
    rules: dict[Name, RuleShape] | None = None
    bounds: Bounds | None = None
    exceptions: dict[Name, Exempt] | None = None
    limits: LimitsShape | None = None
    max_age: Span | None = None
    eks_nodes: AskOrAct | None = None
    """A principal that may tag can make a host look like a node, so this is never lower than ``approve``."""
    appliances: AskOrAct | None = None
    last_healthy_target: AskOrAct | None = None
    after_release: Mode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OuLayer(OrganizationLayer):
    """A file under ``config/ous``."""

    __pydantic_config__ = _CLOSED
    ou: OuPath


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLayer(OrganizationLayer):
    """A file under ``config/accounts``."""

    __pydantic_config__ = _CLOSED
    account: Account


@dataclass(frozen=True, slots=True)
class LockedAccountShape:
    """One account as the lock file knows it."""

    __pydantic_config__ = _CLOSED
    name: Text
    ou: OuOrRoot


@dataclass(frozen=True, slots=True)
class LockShape:
    """``config/organization.lock.json``."""

    __pydantic_config__ = _CLOSED
    organization: Organization
    hub: Account
    accounts: dict[Account, LockedAccountShape]
    forensics: Account | None = None


def check(document: Document, shape: type) -> list[Located]:
    """Return everything in the document that does not fit the shape."""
    try:
        _adapter(shape).validate_python(document.data)
    except ValidationError as error:
        return [_located(document, shape, dict(detail)) for detail in error.errors()]
    return []


@cache
def _adapter(shape: type) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def _located(document: Document, shape: type, detail: dict[str, Any]) -> Located:
    # pydantic names the key of a map as [key]; the key itself is the path's last part before that.
    is_key = "[key]" in detail["loc"]
    path = tuple(part for part in detail["loc"] if part != "[key]")
    what, value = detail["type"], detail["input"]
    if what == "unexpected_keyword_argument" and path[-2:] in REMOVED:
        return located(document.key(path), path, REMOVED[path[-2:]])
    if what == "unexpected_keyword_argument":
        known = _keys(shape, path[:-1])
        near = suggestion(str(path[-1]), known)
        message = "is not known here" if near else f"is not known here; known are {', '.join(known)}"
        return located(document.key(path), path, message, near)
    if what in {"missing", "missing_argument", "missing_keyword_only_argument"}:
        return located(document.value(path[:-1]), path, "is missing")
    place = document.key(path) if is_key else document.value(path)
    if what in {"enum", "literal_error"}:
        words = _words(detail["ctx"]["expected"])
        if isinstance(value, (list, dict)):
            return located(place, path, f"must be one of {', '.join(words)}, not {kind(value)}")
        return located(place, path, f"{value!r} is none of {', '.join(words)}", suggestion(str(value), words))
    if what == "value_error":
        return located(place, path, str(detail["ctx"]["error"]))
    if what in _EXPECTED:
        near = _TRUTHS.get(str(value).lower(), "") if what == "bool_type" else ""
        return located(place, path, f"must be {_EXPECTED[what]}, not {kind(value)}", near)
    return located(place, path, detail["msg"].lower().replace("input should", f"{value!r} should"))


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a map",
    "dataclass_type": "a map",
}


_TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""What older YAML takes for true or false, and this reader for text."""


def _words(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").replace("'", "").split(", ")


def _keys(shape: Any, path: tuple[Any, ...]) -> list[str]:
    """Return the keys that a map at this path of the shape may have."""
    here: Any = shape
    for part in path:
        here = next((each for each in _inner(here, part) if each is not None), None)
    for each in _options(here):
        if is_dataclass(each):
            return sorted(field.name for field in fields(each))
    return []


def _inner(shape: Any, part: Any) -> Iterator[Any]:
    for each in _options(shape):
        if is_dataclass(each) and isinstance(each, type):
            yield typing.get_type_hints(each).get(str(part))
        elif typing.get_origin(each) in {dict, list}:
            yield typing.get_args(each)[-1]


def _options(shape: Any) -> tuple[Any, ...]:
    is_union = isinstance(shape, types.UnionType) or typing.get_origin(shape) is typing.Union
    return typing.get_args(shape) if is_union else (shape,)
