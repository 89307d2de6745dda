# SPDX-License-Identifier: Apache-2.0
"""Stands where HTTP would be: takes each request of a session, and answers from the simulated cloud.

It is hooked into one botocore session, not into botocore. Faults come before anything else, latency is waited for
in virtual time, and no request leaves the machine.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.model import OperationModel

from functions.clock import Clock
from functions.context import INCIDENT
from hub.simulation.callers import Callers, SimulatedCaller, scope
from hub.simulation.errors import Crash, SimulationGapError
from hub.simulation.faults import FaultPlan, Interruption, told_besides
from hub.simulation.recorder import Delivery, RecordedCall, Recorder, presentable
from hub.simulation.regions import known_regions
from hub.simulation.wire import Answer, ApiError, error_answer, output_answer

_MARK = "cordon_simulation"
_XML_CODE = re.compile(r"<Code>([^<]+)</Code>")
_JSON_CODE = re.compile(r'"__type":\s*"([^"]+)"')

TICK_SECONDS = 0.0001
"""How long a call takes to be sent. So each starts after what it waited for has ended, and not at that moment."""

UNRECORDED: ContextVar[bool] = ContextVar("cordon_simulation_backstage", default=False)
"""True while the simulated world itself is built or read: no record, no latency, no faults."""

Fake = Callable[[SimulatedCaller, str, Mapping[str, Any]], Mapping[str, Any]]
"""Answers one operation in place of moto: caller, Region, parameters → output; raises ApiError."""


@contextmanager
def unrecorded() -> Iterator[None]:
    """Call AWS beside the simulation: nothing inside is recorded, slowed or made to fail."""
    token = UNRECORDED.set(True)
    try:
        yield
    finally:
        UNRECORDED.reset(token)


@dataclass(frozen=True, slots=True)
class _Sent:
    service: str
    operation: str
    parameters: Mapping[str, Any]
    shown: Any
    attempt: int


class Transport:
    """Answers the requests of every client of the sessions that it is attached to."""

    def __init__(
        self, clock: Clock, recorder: Recorder, faults: FaultPlan, callers: Callers, latency_seconds: float
    ) -> None:
        from moto.core.botocore_stubber import BotocoreStubber

        self._clock = clock
        self._latency_seconds = latency_seconds
        self._recorder = recorder
        self._faults = faults
        self._callers = callers
        self._moto = BotocoreStubber()
        self._sent: _Sent | None = None
        self.fakes: dict[tuple[str, str], Fake] = {}
        self.acting_account: dict[str, str] = {}
        """Services that a delegated administrator calls in the name of another account (Organizations)."""

    def attach(self, session: botocore.session.Session) -> None:
        """Answer every client that this session makes from now on."""
        events = session.get_component("event_emitter")
        events.register_last("before-parameter-build", self._note_parameters)
        events.register_last("request-created", self._note_request)
        events.register_first("before-send", self._answer)

    def _note_parameters(
        self, params: Mapping[str, Any], model: OperationModel, context: dict[str, Any], **_: Any
    ) -> None:
        context[_MARK] = (str(model.service_model.service_name), str(model.name), dict(params), presentable(params))

    def _note_request(self, request: AWSRequest, **_: Any) -> None:
        # The prepared request that before-send gets has no context any more; both happen one right after the other,
        # and no other thread runs in between.
        context: dict[str, Any] = request.context
        service, operation, parameters, shown = context[_MARK]
        attempt = context.get("retries", {}).get("attempt", 1)
        self._sent = _Sent(service, operation, parameters, shown, attempt)

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent = cast("_Sent", self._sent)
        delivery = None if UNRECORDED.get() else self._recorder.current()
        if delivery is None:
            status, headers, body = self._execute(sent, request)
        else:
            status, headers, body = self._perform(delivery, sent, request)
        return AWSResponse(request.url, status, cast("Any", headers), _Raw(body))

    def _perform(self, delivery: Delivery, sent: _Sent, request: AWSPreparedRequest) -> Answer:
        self._clock.sleep(TICK_SECONDS)
        if delivery.dead:
            raise Crash(f"the process died before {sent.service}:{sent.operation}")
        fault = self._faults.take(sent.service, sent.operation)
        headers = _text_headers(request)
        call = self._recorder.begin(
            delivery,
            attempt=sent.attempt,
            service=sent.service,
            operation=sent.operation,
            parameters=sent.shown,
            account=self._callers.account_of(headers),
            region=scope(headers)[1],
            incident=INCIDENT.get(),
            fault=fault,
        )
        if fault == Interruption.CRASH_BEFORE:
            self._die(delivery, call)
        self._clock.sleep(self._latency_seconds)
        if delivery.dead:
            # Another thread's call killed the process while this one was on its way.
            self._die(delivery, call)
        if fault == Interruption.TIMEOUT_BEFORE:
            self._time_out(call, request)
        if fault is not None and fault not in list(Interruption):
            members = told_besides(sent.service, fault, sent.parameters)
            status, replied, body = error_answer(sent.service, fault, f"{fault}, injected by the simulation", members)
            self._recorder.end(call, fault)
            # The answer to a HEAD request has no body, so that its caller sees the status alone.
            return status, replied, b"" if request.method == "HEAD" else body
        try:
            answer = self._execute(sent, request)
        except (SimulationGapError, EndpointConnectionError):
            self._recorder.end(call, "unanswered")
            raise
        if fault == Interruption.CRASH_AFTER:
            self._die(delivery, call)
        if fault == Interruption.TIMEOUT_AFTER:
            self._time_out(call, request)
        self._recorder.end(call, _error_code(answer))
        return answer

    def _die(self, delivery: Delivery, call: RecordedCall) -> None:
        delivery.dead = True
        self._recorder.end(call, "crash")
        raise Crash(f"the process died at {call.service}:{call.operation}")

    def _time_out(self, call: RecordedCall, request: AWSPreparedRequest) -> None:
        self._recorder.end(call, "timeout")
        raise ReadTimeoutError(endpoint_url=request.url)

    def _execute(self, sent: _Sent, request: AWSPreparedRequest) -> Answer:
        headers = _text_headers(request)
        region = scope(headers)[1] or ""
        if region not in known_regions():
            raise EndpointConnectionError(endpoint_url=request.url)
        try:
            caller = self._callers.of(sent.service, headers, self._clock.now())
            fake = self.fakes.get((sent.service, sent.operation))
            if fake is not None:
                output = fake(caller, region, sent.parameters)
                return output_answer(sent.service, sent.operation, output)
        except ApiError as refusal:
            return error_answer(sent.service, refusal.code, refusal.message)
        return self._ask_moto(sent, request, self.acting_account.get(sent.service, caller.account))

    def _ask_moto(self, sent: _Sent, request: AWSPreparedRequest, account: str) -> Answer:
        request.headers["x-moto-account-id"] = account
        try:
            response = self._moto.process_request(request)
        except NotImplementedError as error:
            gap = f"the simulated cloud has no {sent.service}:{sent.operation} ({error})"
            return error_answer(sent.service, "InvalidAction", gap)
        except Exception as error:
            raise SimulationGapError(f"moto failed at {sent.service}:{sent.operation}: {error!r}") from error
        if response is None:
            return error_answer(sent.service, "InvalidAction", f"the simulated cloud has no {sent.service}")
        status, headers, body = response
        return (
            int(status),
            {str(key): str(value) for key, value in dict(headers).items()},
            body.encode() if isinstance(body, str) else bytes(body),
        )


class _Raw(io.BytesIO):
    """A body with the one method more that botocore expects of urllib3."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _text_headers(request: AWSPreparedRequest) -> dict[str, str]:
    return {
        str(key): value.decode() if isinstance(value, bytes) else str(value) for key, value in request.headers.items()
    }


def _error_code(answer: Answer) -> str | None:
    status, _, body = answer
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    text = body.decode(errors="replace")
    if found := _XML_CODE.search(text):
        return found[1]
    if found := _JSON_CODE.search(text):
        return found[1].rpartition("#")[2]
    # The answer to a HEAD request has no body: boto3 shows the status as the code.
    return str(status)
