# SPDX-License-Identifier: Apache-2.0
"""Read YAML that means what it says, and remember where everything stands.

A restricted YAML: maps with text keys, lists, text, whole numbers, ``true`` and ``false``. An account id that begins
with 0 stays text, ``on`` and ``off`` stay text, a date stays text. Refused, each with its place: duplicate keys,
anchors and aliases, merge keys, tags, keys without a value, tabs as indentation, several documents, endless nesting.
JSON is YAML, so the lock file is read here too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hub.policy.errors import FilePlace, Located, PolicyErrors, located

LARGEST_BYTES = 1_000_000
DEEPEST = 20

_BOOLEAN = re.compile(r"true|false")
_NULL = re.compile(r"~|null|Null|NULL|")
# At most nine digits: a longer one is an account id, whatever its first digit.
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,8}")

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A file as plain data, with the place of every value and of every key."""

    file: str
    name: str
    data: dict[str, Any]
    values: Mapping[Path_, FilePlace]
    keys: Mapping[Path_, FilePlace]

    def value(self, path: Path_) -> FilePlace:
        """Return the place of the value at a path, or of the nearest thing around it."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values[path]

    def key(self, path: Path_) -> FilePlace:
        """Return the place of the key at a path, or else of its value."""
        return self.keys.get(path) or self.value(path)


def read(path: Path, name: str) -> Document:
    """Read one file; raise PolicyErrors with everything that is wrong with it as YAML."""
    start = FilePlace(str(path), name)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PolicyErrors([located(start, (), f"can't be read ({error.strerror})")]) from error
    if len(raw) > LARGEST_BYTES:
        raise PolicyErrors([located(start, (), f"has {len(raw)} bytes, more than {LARGEST_BYTES}")])
    return parse(_decoded(raw, start), str(path), name)


def parse(text: str, file: str, name: str) -> Document:
    """Read the text of a file; the same errors as ``read``."""
    start = FilePlace(file, name)
    tabs = [
        located(
            FilePlace(file, name, number, line.index("\t") + 1), (), "a tab in the indentation, where YAML wants spaces"
        )
        for number, line in enumerate(text.split("\n"), 1)
        if "\t" in line[: len(line) - len(line.lstrip())] and line.strip()
    ]
    if tabs:
        raise PolicyErrors(tabs)
    try:
        loader = _Loader(text, file, name)
        node = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        place = _at_offset(text, error.position, start)
        raise PolicyErrors(
            [located(place, (), f"the character U+{ord(text[error.position]):04X} is not allowed")]
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = FilePlace(file, name, mark.line + 1, mark.column + 1) if mark else start
        what = ": ".join(part for part in (error.context, error.problem) if part)
        raise PolicyErrors([*loader.errors, located(place, (), f"is not YAML: {what}")]) from error
    if node is None:
        raise PolicyErrors([located(start, (), "is empty")])
    plain = _Plain(file, name, list(loader.errors))
    data = plain.value(node, ())
    if not isinstance(data, dict):
        message = f"must be a map of keys and values at the top, not {kind(data)}"
        plain.errors.append(located(plain.place(node), (), message))
    if plain.errors or not isinstance(data, dict):
        raise PolicyErrors(plain.errors)
    return Document(file, name, data, plain.values, plain.keys)


def kind(value: object) -> str:
    """Return the word for a kind of value, as people who write YAML know it."""
    words = {bool: "true or false", int: "a number", str: "text", list: "a list", dict: "a map"}
    return words.get(type(value), "nothing")


class _Loader(yaml.SafeLoader):
    """Composes nodes only; its own constructors are never used."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's name; scalars are read by _scalar below

    def __init__(self, text: str, file: str, name: str) -> None:
        self.errors: list[Located] = []
        self._place = (file, name)
        self._depth = 0
        super().__init__(text)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose one node, refusing what makes YAML surprising."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]
            self._refuse(event, f"the alias *{event.anchor} is not supported: write the value out")
            start, end = _mark(event.start_mark), _mark(event.end_mark)
            return yaml.ScalarNode("tag:yaml.org,2002:str", "?", start, end, style='"')
        if event.anchor:
            self._refuse(event, f"the anchor &{event.anchor} is not supported: write values out where they belong")
            event.anchor = None
        if event.tag:
            self._refuse(event, f"the tag {event.tag!r} is not supported")
            event.tag = None
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.composer.ComposerError(None, None, f"nested more than {DEEPEST} levels deep", event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _refuse(self, event: yaml.Event, message: str) -> None:
        mark = _mark(event.start_mark)
        self.errors.append(located(FilePlace(*self._place, mark.line + 1, mark.column + 1), (), message))


@dataclass(slots=True)
class _Plain:
    """Converts nodes into plain data, and collects places and errors."""

    file: str
    name: str
    errors: list[Located]
    values: dict[Path_, FilePlace] = field(default_factory=dict)
    keys: dict[Path_, FilePlace] = field(default_factory=dict)

    def place(self, node: yaml.Node) -> FilePlace:
        return FilePlace(self.file, self.name, node.start_mark.line + 1, node.start_mark.column + 1)

    def value(self, node: yaml.Node, path: Path_) -> Any:
        self.values[path] = self.place(node)
        if isinstance(node, yaml.MappingNode):
            return self._map(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, position)) for position, item in enumerate(node.value)]
        value = _scalar(str(node.value), quoted=bool(getattr(node, "style", None)))
        if value is None:
            where = self.keys.get(path, self.values[path])
            self.errors.append(located(where, path, "has no value: leave it out, or write {} or []"))
        return value

    def _map(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = self.place(key_node)
            if not isinstance(key_node, yaml.ScalarNode) or not key_node.value:
                self.errors.append(located(place, path, "a key must be text"))
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key == "<<" and not key_node.style:
                self.errors.append(located(place, path, "merge keys (<<) are not supported: write the values out"))
            elif key in found:
                first = self.keys[here].line
                self.errors.append(located(place, here, f"the key is there twice, first at line {first}"))
            else:
                self.keys[here] = place
                found[key] = self.value(value_node, here)
        return found


def _scalar(text: str, *, quoted: bool) -> str | int | bool | None:
    if quoted:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text == "true"
    return int(text) if _WHOLE.fullmatch(text) else text


def _mark(mark: Any) -> yaml.Mark:
    if not isinstance(mark, yaml.Mark):
        raise TypeError("PyYAML gave an event without its place")
    return mark


def _decoded(raw: bytes, start: FilePlace) -> str:
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        place = FilePlace(start.file, start.name, line, column)
        raise PolicyErrors([located(place, (), f"is not UTF-8: byte 0x{raw[error.start]:02X}")]) from error


def _at_offset(text: str, offset: int, start: FilePlace) -> FilePlace:
    before = text[:offset]
    return FilePlace(start.file, start.name, before.count("\n") + 1, offset - before.rfind("\n"))
