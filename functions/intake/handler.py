# SPDX-License-Identifier: Apache-2.0
"""The Lambda handler: a batch of queue messages, each with exactly one outcome, none harmed by another.

A message that can't be finished now is reported as a failure of the batch and comes again; after five receives the
queue puts it with the dead letters. Every other message is done when this returns.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Any

from functions import log
from functions.aws import errors
from functions.aws.clients import Clients
from functions.finding.model import Finding, Refusal, RefusalKind
from functions.finding.parse import parse
from functions.incident.errors import ClaimLostError
from functions.intake.case import Message
from functions.intake.respond import Responder
from functions.intake.result import EventResult, Outcome, RetryError, TargetResult, Unfinished, summed_up
from functions.organization.control import ControlError
from functions.organization.directory import DirectoryError
from functions.runtime import Runtime
from functions.services import Services
from functions.settings import Settings
from functions.start import start
from functions.steps import registry

_NOT_NOW = (RetryError, ClaimLostError, ControlError, DirectoryError, *errors.AwsError)
_NEEDED_MS = 15_000
"""Time that one message may need, retries of single calls included; with less left it had better come again."""

_TRUSTED_DELAY = timedelta(seconds=2)
_REFUSED = {RefusalKind.IGNORED: Outcome.IGNORED, RefusalKind.REJECTED: Outcome.REJECTED}

OnResult = Callable[[str, EventResult | Unfinished], None]
"""Called with a message's id and how a try of it ended, for whoever wants to know more than the log tells."""


class Intake:
    """Takes batches in. One for each process: it keeps clients, the bundle and the directory."""

    def __init__(
        self, settings: Settings, clients: Clients, runtime: Runtime, on_result: OnResult = lambda _, __: None
    ) -> None:
        self._services = Services.open(settings, clients, runtime)
        self._responder = Responder(self._services)
        self._on_result = on_result

    def warm_up(self) -> None:
        """Make the clients and load the bundle and the directory, so that the first finding doesn't wait for it."""
        for service in ("sts", "sns"):
            self._services.clients.hub(service)
        for service in registry.services():
            self._services.clients.member(service, self._services.settings.home_region)
        self._services.policy_in_force()

    def close(self) -> None:
        """Let go of the process's threads."""
        self._services.runtime.pool.close()

    def handle(self, event: Mapping[str, Any], context: object = None) -> dict[str, list[dict[str, str]]]:
        """Process a batch and return the messages that have to come again, as SQS wants it."""
        again = []
        for record in event.get("Records", []):
            if _out_of_time(context):
                again.append({"itemIdentifier": record["messageId"]})
                log.write("event", message=record["messageId"], outcome="retry", reason="no time left for it")
                continue
            result = copy_context().run(self._take, record)
            if isinstance(result, Unfinished):
                again.append({"itemIdentifier": record["messageId"]})
            self._on_result(record["messageId"], result)
        if not event.get("Records"):
            self.warm_up()  # an empty batch is a schedule's way of keeping the function warm
        return {"batchItemFailures": again}

    def _take(self, record: Mapping[str, Any]) -> EventResult | Unfinished:
        """Process one message."""
        message_id, receives = record["messageId"], record.get("attributes", {}).get("ApproximateReceiveCount", "1")
        try:
            result = self._process(record, int(receives))
        except _NOT_NOW as error:
            text = _text(error)
            log.write("event", level=logging.WARNING, message=message_id, outcome="retry", reason=text)
            return Unfinished(text)
        except Exception as error:  # noqa: BLE001 — the outermost border: a bug in one message must not lose the others
            reason = f"{type(error).__name__}: {error}"
            log.write(
                "event",
                level=logging.ERROR,
                message=message_id,
                outcome="retry",
                reason=reason,
                bug=log.raised_at(error),
            )
            return Unfinished(reason)
        log.write("event", message=message_id, outcome=result.outcome.value, reason=result.reason)
        return result

    def _process(self, record: Mapping[str, Any], receives: int) -> EventResult:
        body = record["body"]
        try:
            envelope = json.loads(body)
        except (ValueError, RecursionError) as error:
            return EventResult(Outcome.REJECTED, f"the message is not JSON: {error}")
        received_at = _received_at(envelope, record, self._services.runtime.clock.now())
        message = Message(record["messageId"], received_at, receives, body)
        results: list[EventResult] = []
        waiting: list[str] = []
        for found in parse(envelope):
            single, unfinished = self._one(found, message)
            results.append(single)
            waiting.extend(unfinished)
        if waiting:
            raise RetryError("; ".join(waiting))
        return summed_up(results)

    def _one(self, found: Finding | Refusal, message: Message) -> tuple[EventResult, list[str]]:
        """Take every target of one finding; return what became of it, and why targets have to come again."""
        if isinstance(found, Refusal):
            outcome = _REFUSED[found.kind]
            log.write(
                "finding", message=message.id, outcome=outcome.value, finding=found.finding_id, reason=found.reason
            )
            if outcome is Outcome.REJECTED and found.finding_id:
                lines = {"What": "rejected: nothing was done", "Finding": found.finding_id, "Why": found.reason}
                self._services.notifier.tell("rejected a finding that can't be proven", lines)
            return EventResult(outcome, found.reason), []
        results: list[TargetResult] = []
        waiting: list[str] = []
        for target in found.targets:
            try:
                results.append(copy_context().run(self._responder.respond, found, target, message))
            except _NOT_NOW as error:  # the other hosts of the finding don't wait for this one
                waiting.append(_text(error))
            except Exception as error:  # noqa: BLE001 — neither do they for a mistake of ours
                waiting.append(f"{type(error).__name__}: {error}")
                log.write(
                    "event",
                    level=logging.ERROR,
                    message=message.id,
                    outcome="retry",
                    reason=waiting[-1],
                    bug=log.raised_at(error),
                )
        for result in results:
            log.write(
                "target",
                message=message.id,
                finding=found.id,
                type=found.type,
                title=found.title,
                account=result.target.account,
                region=result.target.region,
                instance=result.target.instance,
                incident=result.incident,
                outcome=result.outcome.value,
                reason=result.reason,
            )
        if not results:
            return EventResult(Outcome.DEAD_LETTERED, "; ".join(waiting)), waiting
        single = summed_up([EventResult(result.outcome, result.reason) for result in results])
        return EventResult(single.outcome, single.reason, tuple(results)), waiting


def _received_at(envelope: object, record: Mapping[str, Any], now: datetime) -> datetime:
    """Return when EventBridge took the event.

    The envelope tells seconds alone, the queue milliseconds; where both agree the finer one is used, and where the
    event is older than its message (a replay, a delay) the envelope counts.
    """
    sent = str(record.get("attributes", {}).get("SentTimestamp", ""))
    queued = datetime.fromtimestamp(int(sent) / 1000, UTC) if sent.isdecimal() else now
    text = envelope.get("time") if isinstance(envelope, dict) else None
    try:
        taken = datetime.fromisoformat(str(text))
        taken = taken.astimezone(UTC) if taken.tzinfo is not None else queued
    except (ValueError, OverflowError):
        return queued
    return queued if queued - taken < _TRUSTED_DELAY else taken


def _out_of_time(context: object) -> bool:
    """Tell whether Lambda would end this invocation before another message is done."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return remaining is not None and remaining() < _NEEDED_MS


def _text(error: Exception) -> str:
    return errors.message(error) if isinstance(error, errors.AwsError) else str(error)


_kept: list[Intake] = []


def handler(event: Mapping[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Lambda's entry point."""
    if not _kept:
        _kept.append(Intake(*start(), Runtime.of_machine()))
    return _kept[0].handle(event, context)
