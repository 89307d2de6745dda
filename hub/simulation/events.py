# SPDX-License-Identifier: Apache-2.0
"""Files of findings, made into the events that the intake would receive.

A file has an EventBridge envelope or a bare finding in any dialect, a JSON list of them, or JSON lines. What can't
be parsed is kept as it stands: the product has to refuse it, not this module.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TextIO

from functions.finding.model import Finding, Target
from functions.finding.parse import parse
from hub.simulation.envelopes import enveloped
from hub.simulation.errors import EventsError

STDIN = "-"
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """One event of a file; ``index`` counts from 0.

    ``envelope`` None: the text goes out as it stands, being no JSON object or one nested too deeply to be made anew.
    """

    file: str
    index: int
    text: str
    envelope: Mapping[str, Any] | None

    @classmethod
    def of(cls, file: str, index: int, value: object, text: str | None = None) -> Self:
        """Return the event of a JSON value: an object gets its envelope if it has none.

        ``text`` is how the value was spelt. Raises RecursionError for one without text that is nested too deeply.
        """
        shown = json.dumps(value) if text is None else text
        if not isinstance(value, Mapping):
            return cls(file, index, shown, None)
        identity = str(uuid.uuid5(uuid.NAMESPACE_URL, f"cordon-simulation:{file}:{index}"))
        try:
            return cls(file, index, shown, enveloped(value, identity))
        except RecursionError:
            return cls(file, index, shown, None)

    def body(self, now: datetime) -> str:
        """Return the queue message's body: the event is received at that moment, when it is handed over."""
        if self.envelope is None:
            return self.text
        try:
            return json.dumps({**self.envelope, "time": now.strftime("%Y-%m-%dT%H:%M:%SZ")})
        except RecursionError:  # it could be read, but not from this depth of the stack, or not with an envelope around
            return self.text


def load(files: Sequence[str], stdin: TextIO | None = None) -> list[SourceEvent]:
    """Read every file, ``-`` being standard input.

    Raises EventsError, which names all files that can't be read or are empty.
    """
    problems: list[str] = []
    events: list[SourceEvent] = []
    for file in files:
        try:
            text = _read(file, stdin)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            problems.append(f"{file}: can't be read: {reason}")
            continue
        found = list(_events(file, text))
        if not found:
            problems.append(f"{file}: has no event")
        events.extend(found)
    if problems:
        raise EventsError(problems)
    return events


def targets_named(events: Iterable[SourceEvent]) -> tuple[set[Target], set[str]]:
    """Return the instances that the events name, and the accounts that they concern (with an instance or without)."""
    targets: set[Target] = set()
    accounts: set[str] = set()
    for event in events:
        for found in parse(event.envelope) if event.envelope is not None else []:
            if isinstance(found, Finding):
                targets.update(found.targets)
                accounts.add(found.account)
                accounts.update(target.account for target in found.targets)
    return targets, accounts


def _read(file: str, stdin: TextIO | None) -> str:
    if file == STDIN:
        # Bytes that are no text arrive as lone surrogates: they stay unreadable, and the product refuses them.
        return (stdin or sys.stdin).read().encode(errors="replace").decode().removeprefix(_BYTE_ORDER_MARK)
    return Path(file).read_text(encoding="utf-8-sig")


def _events(file: str, text: str) -> Iterator[SourceEvent]:
    whole, parsed = _parse(text)
    if parsed:
        yield from (_event(file, index, value, text) for index, value in enumerate(_values(whole)))
        return
    lines = [line for line in text.splitlines() if line.strip()]
    if any(line[0].isspace() for line in lines[1:]):
        # Indented over several lines: one document with a fault in it, and no JSON lines.
        yield SourceEvent(file, 0, text, None)
        return
    for index, line in enumerate(lines):
        value, parsed = _parse(line)
        yield SourceEvent.of(file, index, value, line) if parsed else SourceEvent(file, index, line, None)


def _event(file: str, index: int, value: Any, whole: str) -> SourceEvent:
    try:
        return SourceEvent.of(file, index, value)
    except RecursionError:  # the text of this one value is unknown: use the whole file
        return SourceEvent(file, index, whole, None)


def _parse(text: str) -> tuple[Any, bool]:
    try:
        return json.loads(text), True
    except (ValueError, RecursionError):
        return None, False


def _values(whole: Any) -> list[Any]:
    """Return the events of a whole document: of a list its entries, of an answer of GetFindings its findings."""
    if isinstance(whole, list):
        return whole
    if isinstance(whole, Mapping) and isinstance(whole.get("Findings"), list) and "detail" not in whole:
        return list(whole["Findings"])
    return [whole]
