# SPDX-License-Identifier: Apache-2.0
"""The intake queue and the Lambda behind it: receives, visibility time-out, partial failures, dead letters.

Messages come one by one. A process that crashed is replaced before the message is received again, as Lambda does.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from functions.runtime import Runtime
from hub.simulation.clock import SimulatedClock
from hub.simulation.errors import Crash
from hub.simulation.events import SourceEvent
from hub.simulation.names import Names
from hub.simulation.recorder import Recorder

VISIBILITY_TIMEOUT_SECONDS = 360
"""Six times the function's time-out of 60 s, as AWS advises."""

RECEIVES = 5
"""After so many failed receives a message goes to the dead-letter queue."""

_LOG = logging.getLogger(__name__)

Handle = Callable[[dict[str, Any], Any], Any]
"""A Lambda handler: event and context → partial batch response."""


class QueueEnvironment(Protocol):
    """What the queue needs of a simulation."""

    clock: SimulatedClock
    recorder: Recorder
    names: Names

    def runtime(self) -> Runtime:
        """Return what waits for messages that are received together."""
        ...


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """What the handler gets about its invocation."""

    aws_request_id: str
    function_name: str = "cordon-intake"
    memory_limit_in_mb: int = 512

    def get_remaining_time_in_millis(self) -> int:
        """Return the time left: simulated invocations never run out of it."""
        return 60_000


@dataclass(slots=True)
class Delivered:
    """What became of one delivery. ``error`` is the last failure in words."""

    number: int
    event: SourceEvent
    message_id: str
    receives: int = 0
    dead_lettered: bool = False
    error: str | None = None


@dataclass(slots=True)
class _Message:
    delivered: Delivered
    body: str
    sent_at: datetime
    first_received_at: datetime | None = None
    done: bool = False


@dataclass(slots=True)
class _Process:
    """An execution environment; the handler in it is made when it is first needed."""

    new: Callable[[], Handle]
    handle: Handle | None = field(default=None)

    def ready(self) -> Handle:
        if self.handle is None:
            self.handle = self.new()
        return self.handle


@dataclass(slots=True)
class _Together:
    """Where processes wait for one another before they begin at the same moment."""

    missing: int
    complete: Future[None]

    def wait(self) -> None:
        self.missing -= 1
        if self.missing == 0:
            self.complete.set_result(None)
        self.complete.result()


class SimulatedQueue:
    """Hands events to a handler as SQS and Lambda would.

    ``new_process`` makes a handler that knows nothing yet; it is called once for each execution environment and again
    after a crash. Clients are the one thing that a handler may share with others (``Deployment``'s do, for making them
    is slow): then it finds them warm, and the SDK's retry quota is one for all.
    """

    def __init__(self, environment: QueueEnvironment, new_process: Callable[[], Handle]) -> None:
        self._environment = environment
        self._new_process = new_process
        self._processes: list[_Process] = []
        self._number = 0
        self._runtime = environment.runtime()

    def warm_up(self, environments: int = 1) -> None:
        """Make the handlers beforehand; what that calls is recorded as delivery 0.

        Where that fails the environment stays cold, and its first event makes the handler, as with Lambda.
        """
        for process in self._environments(environments):
            with self._environment.recorder.delivering(0, 0):
                try:
                    process.ready()
                except (Crash, Exception) as error:  # noqa: BLE001 - the border of a Lambda: any of it fails its start
                    _LOG.warning("a process could not start: %s", error)

    def deliver(self, events: Sequence[SourceEvent], *, deliveries: int = 1, parallel: int = 1) -> list[Delivered]:
        """Hand over each event ``deliveries`` times, one after the other, or ``parallel`` times at once.

        With both, there are as many copies as the greater says, at most ``parallel`` of them at the same time.
        """
        return [each for event in events for each in self._deliver(event, max(deliveries, parallel), parallel)]

    def deliver_together(self, events: Sequence[SourceEvent]) -> list[Delivered]:
        """Hand all of these events over at the same moment."""
        return self._see_through([self._send(event) for event in events])

    def _deliver(self, event: SourceEvent, copies: int, parallel: int) -> Iterator[Delivered]:
        for first in range(0, copies, parallel):
            yield from self._see_through([self._send(event) for _ in range(min(parallel, copies - first))])

    def _see_through(self, messages: Sequence[_Message]) -> list[Delivered]:
        """Receive messages together, and again those that failed, until they are done or given up."""
        for receive in range(1, RECEIVES + 1):
            waiting = [message for message in messages if not message.done]
            if not waiting:
                break
            if receive > 1:
                self._environment.clock.sleep(VISIBILITY_TIMEOUT_SECONDS)
            self._round(waiting, receive)
        for message in messages:
            message.delivered.dead_lettered = not message.done
        return [message.delivered for message in messages]

    def next_number(self) -> int:
        """Number something that is handed over beside the queue as a delivery of its own."""
        self._number += 1
        return self._number

    def _send(self, event: SourceEvent) -> _Message:
        number = self.next_number()
        now = self._environment.clock.now()
        message_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"cordon-simulation:message:{number}"))
        return _Message(Delivered(number, event, message_id), event.body(now), now)

    def _environments(self, count: int) -> list[_Process]:
        while len(self._processes) < count:
            self._processes.append(_Process(self._new_process))
        return self._processes[:count]

    def _round(self, messages: Sequence[_Message], receive: int) -> None:
        processes = self._environments(len(messages))
        if len(messages) == 1:
            self._receive(processes[0], messages[0], receive)
            return
        pool, together = self._runtime.pool, _Together(len(messages), self._runtime.pool.promise())
        pool.all(
            [
                partial(self._receive, process, message, receive, together)
                for process, message in zip(processes, messages, strict=True)
            ]
        )

    def _receive(self, process: _Process, message: _Message, receive: int, together: _Together | None = None) -> None:
        delivered = message.delivered
        delivered.receives = receive
        now = self._environment.clock.now()
        message.first_received_at = message.first_received_at or now
        record = self._record(message, receive)
        with self._environment.recorder.delivering(delivered.number, receive) as invocation:
            delivered.error = self._invoke(process, record, message.delivered.message_id, together)
            if invocation.dead and delivered.error is None:
                # The handler returned, but the process had died under one of its threads.
                process.handle = None
                delivered.error = "the process died before its answer reached the queue"
        message.done = delivered.error is None
        if delivered.error is not None:
            _LOG.warning("delivery %d, receive %d failed: %s", delivered.number, receive, delivered.error)

    def _invoke(
        self, process: _Process, record: dict[str, Any], message_id: str, together: _Together | None
    ) -> str | None:
        """Return None where the message was handled, or what went wrong."""
        try:
            try:
                handle = process.ready()
            finally:
                if together is not None:
                    together.wait()
            answer = handle({"Records": [record]}, LambdaContext(self._runtime.uuid()))
        except Crash as death:
            process.handle = None
            return str(death)
        except Exception as error:  # noqa: BLE001 - the border of a Lambda: whatever comes out fails the invocation
            _LOG.debug("the handler raised", exc_info=error)
            return f"{type(error).__name__}: {error}"
        return "the handler gave the message back" if message_id in _failures(answer) else None

    def _record(self, message: _Message, receive: int) -> dict[str, Any]:
        first = message.first_received_at or message.sent_at
        return {
            "messageId": message.delivered.message_id,
            "receiptHandle": f"{message.delivered.message_id}-{receive}",
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(receive),
                "SentTimestamp": _epoch_ms(message.sent_at),
                "SenderId": "AIDAEXAMPLEEVENTBRIDGE",
                "ApproximateFirstReceiveTimestamp": _epoch_ms(first),
            },
            "messageAttributes": {},
            "md5OfBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest(),
            "eventSource": "aws:sqs",
            "eventSourceARN": self._environment.names.queue_arn,
            "awsRegion": self._environment.names.home_region,
        }


def _epoch_ms(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def _failures(answer: Any) -> set[str]:
    if not isinstance(answer, Mapping):
        return set()
    return {entry["itemIdentifier"] for entry in answer.get("batchItemFailures") or []}
