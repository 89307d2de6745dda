# SPDX-License-Identifier: Apache-2.0
"""Follows a finding through a lab by what the intake logs of it, until the incident is recorded or it was turned away.

The logs also show findings that leave no record: samples, findings without a host, forged findings.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions import names
from functions.incident.errors import RecordError
from functions.incident.model import Incident
from functions.incident.store import Store
from functions.runtime import Runtime
from hub.lab import door
from hub.lab.clients import LabClients
from hub.lab.errors import LabError

_POLL_SECONDS = 0.2
_ENDS = "event"
"""The kind of log line that ends a message."""

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of a finding: every log line of its message, and the incidents that the lines name.

    ``refused``: a sentence for each of them that can't be read.
    """

    lines: tuple[Line, ...]
    incidents: tuple[Incident, ...]
    refused: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """How the message ended, in the words of the product."""
        return str(self.lines[-1]["outcome"])

    @property
    def reason(self) -> str:
        """Why it ended so."""
        return str(self.lines[-1].get("reason", ""))


class LabIntake:
    """The intake function's log, and the records that it writes."""

    def __init__(self, clients: LabClients, about: door.About) -> None:
        hub = (about.hub, about.home_region)
        self._logs = clients.root("logs", *hub)
        name = names.function(about.qualifier, names.INTAKE)
        functions = clients.root("lambda", *hub)
        try:
            function = functions.get_function_configuration(FunctionName=name)
        except functions.exceptions.ResourceNotFoundException as error:
            raise LabError("Cordon is not deployed in this lab (yet): wait until cordon lab up says so") from error
        self._group = function.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}")
        table = function["Environment"]["Variables"]["CORDON_TABLE"]
        self._store = Store(clients.root("dynamodb", *hub), table, Runtime.of_machine())
        self._before = len(self._lines())

    def follow(self, finding: str, seconds: float = 30) -> Followed:
        """Wait until the message with that finding ended; raise LabError when none did in that time."""
        until = time.monotonic() + seconds
        while True:
            for lines in self._messages():
                if any(line.get("finding") == finding for line in lines):
                    return self._followed(lines)
            if time.monotonic() > until:
                raise LabError(f"the intake has not done with the finding within {seconds:g} seconds{self._last()}")
            time.sleep(_POLL_SECONDS)

    def _last(self) -> str:
        lines = self._lines()[self._before :]
        return f"; the last that it logged: {lines[-1].get('reason') or lines[-1]['kind']}" if lines else ""

    def _followed(self, lines: Sequence[Line]) -> Followed:
        incidents = {line["incident"] for line in lines if line["kind"] == "target" and "incident" in line}
        records, refused = [], []
        for each in sorted(incidents):
            try:
                record = self._store.load(each)
            except RecordError as error:
                refused.append(str(error))
                continue
            if record is not None:
                records.append(record)
        return Followed(tuple(lines), tuple(records), tuple(refused))

    def _messages(self) -> Iterator[list[Line]]:
        """Yield the lines of each message since the beginning; lines before its end belong to it."""
        pending: list[Line] = []
        for line in self._lines()[self._before :]:
            pending.append(line)
            if line["kind"] == _ENDS:
                yield pending
                pending = []

    def _lines(self) -> list[Line]:
        try:
            pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=self._group)
            events = [event["message"] for page in pages for event in page["events"]]
        except self._logs.exceptions.ResourceNotFoundException:
            return []  # before the function ran for the first time
        return [json.loads(each) for each in events if each.startswith("{")]
