# SPDX-License-Identifier: Apache-2.0
"""Errors in the policy files: the place, what is wrong, and what was probably meant.

ConfigError
└── PolicyErrors   everything that is wrong with a configuration, all at once

Text of one: ``config/organization.yaml:12:5: rules.crypto.mode: 'enforced' is no mode; did you mean 'enforce'?``
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

BUILT_IN = "built-in"
"""Name of the layer that is no file."""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A place, from line 1, column 1. ``file`` is the path as a person gave it, ``name`` the same on every machine."""

    file: str
    name: str
    line: int = 1
    column: int = 1

    @property
    def origin(self) -> str:
        """The place as bundles and decisions name it."""
        return self.name if self.name == BUILT_IN else f"{self.name}:{self.line}"


@dataclass(frozen=True, slots=True, order=True)
class Located:
    """One thing that is wrong. ``path`` leads to it within the file, ``hint`` is what was probably meant."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        path = f"{self.path}: " if self.path else ""
        hint = f"; did you mean {self.hint!r}?" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {path}{self.message}{hint}"

    def to_json(self) -> dict[str, Any]:
        """Return the parts, and the whole as ``text``."""
        return {**asdict(self), "text": str(self)}


class ConfigError(Exception):
    """Base of the errors of this package."""


class PolicyErrors(ConfigError):  # noqa: N818  # it has all of them
    """The configuration does not compile. ``errors`` has each thing once, in order of file and line."""

    def __init__(self, errors: Iterable[Located]) -> None:
        self.errors = tuple(sorted(set(errors)))
        super().__init__("\n".join(map(str, self.errors)))

    def to_json(self) -> list[dict[str, Any]]:
        """Return the errors as plain data."""
        return [error.to_json() for error in self.errors]


def located(place: FilePlace, path: Iterable[str | int], message: str, hint: str = "") -> Located:
    """Return an error at a place; ``path`` is made of map keys and list positions."""
    return Located(place.file, place.line, place.column, dotted(path), message, hint)


def dotted(path: Iterable[str | int]) -> str:
    """Return ``rules.crypto.match.types[0]`` for its parts."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the known word that is nearest, or nothing if none is near."""
    lower = {each.lower(): each for each in sorted(known)}
    near = difflib.get_close_matches(word.lower(), lower, n=1)
    return lower[near[0]] if near else ""
