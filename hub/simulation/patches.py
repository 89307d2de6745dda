# SPDX-License-Identifier: Apache-2.0
"""Replaces attributes of other people's modules and classes for as long as a simulation is open."""

from __future__ import annotations

from typing import Any

_ABSENT = object()


class Patches:
    """A stack of replacements; ``undo`` puts everything back in reverse order."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any]] = []

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Set ``owner.name`` and remember what stood there (in the owner itself, not in a base class)."""
        self._done.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, value)

    def undo(self) -> None:
        """Put back every original."""
        while self._done:
            owner, name, original = self._done.pop()
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
