# SPDX-License-Identifier: Apache-2.0
"""Layers as trees that know the origin of each value, and how one layer is merged over another.

Maps merge by key; scalars and lists replace; nothing is removed by absence. That is all: no includes, no operators.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.policy.errors import FilePlace
from hub.policy.reader import Document


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar or a list. ``depth`` is the layer that it comes from: 0 is built in, 1 the organisation, and so on."""

    value: Any
    place: FilePlace
    depth: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A map. ``place`` is where its key first stands."""

    children: Mapping[str, Leaf | Branch]
    place: FilePlace
    depth: int

    def leaf(self, *path: str) -> Leaf | None:
        """Return the leaf at a path, if there is one."""
        found = self._at(path)
        return found if isinstance(found, Leaf) else None

    def branch(self, *path: str) -> Branch:
        """Return the map at a path, an empty one if there is none."""
        found = self._at(path)
        return found if isinstance(found, Branch) else Branch({}, self.place, self.depth)

    def branches(self) -> Iterator[tuple[str, Branch]]:
        """Yield the maps in this one, in order, with their keys."""
        for key, child in self.children.items():
            if isinstance(child, Branch):
                yield key, child

    def leaves(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Leaf]]:
        """Yield every leaf below, with its path."""
        for key, child in self.children.items():
            if isinstance(child, Branch):
                yield from child.leaves((*path, key))
            else:
                yield (*path, key), child

    def plain(self) -> dict[str, Any]:
        """Return the values alone."""
        return {
            key: child.plain() if isinstance(child, Branch) else child.value for key, child in self.children.items()
        }

    def _at(self, path: tuple[str, ...]) -> Leaf | Branch | None:
        found: Leaf | Branch | None = self
        for key in path:
            found = found.children.get(key) if isinstance(found, Branch) else None
        return found


def grow(document: Document, depth: int) -> Branch:
    """Return a document as a tree."""
    return _grow(document, document.data, (), depth)


def _grow(document: Document, data: Mapping[str, Any], path: tuple[str, ...], depth: int) -> Branch:
    children: dict[str, Leaf | Branch] = {}
    for key, value in data.items():
        here = (*path, key)
        if isinstance(value, dict):
            children[key] = _grow(document, value, here, depth)
        else:
            # A key says where a value is decided, even if a long text begins on the line below.
            children[key] = Leaf(value, document.key(here), depth)
    return Branch(children, document.key(path), depth)


def merge(base: Branch, over: Branch) -> Branch:
    """Return ``over`` laid over ``base``; neither is changed, and the order of ``base`` comes first."""
    children = dict(base.children)
    for key, child in over.children.items():
        below = children.get(key)
        children[key] = merge(below, child) if isinstance(below, Branch) and isinstance(child, Branch) else child
    return Branch(children, base.place, base.depth)
