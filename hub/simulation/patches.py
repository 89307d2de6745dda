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
        """Set ``owner.name`` in place of what stands there; raise AttributeError where the owner has no such name.

        The earlier value may come from a base class. Then the owner gets a name of its own as long as the patch lasts.
        """
        if not hasattr(owner, name):
            raise AttributeError(f"{owner!r} has no {name!r} to replace: another version of it?")
        self._set(owner, name, value)

    def add(self, owner: Any, name: str, value: Any) -> None:
        """Set ``owner.name`` which is not there yet; raise AttributeError where it is."""
        if hasattr(owner, name):
            raise AttributeError(f"{owner!r} has a {name!r} already: another version of it?")
        self._set(owner, name, value)

    def _set(self, owner: Any, name: str, value: Any) -> None:
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
