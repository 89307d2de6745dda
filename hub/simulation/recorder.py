# SPDX-License-Identifier: Apache-2.0
"""The record of every HTTP attempt that the product makes during a delivery.

An entry is what the ``calls`` of the simulation's document hold. Secrets are masked on the way in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from functions.clock import Clock

_SECRET_KEYS = frozenset({"secretaccesskey", "sessiontoken", "password", "secretstring"})
_MASK = "***"


@dataclass(slots=True)
class Delivery:
    """One receive of one event: what the calls of an invocation belong to."""

    number: int
    receive: int
    dead: bool = False


DELIVERY: ContextVar[Delivery | None] = ContextVar("cordon_simulation_delivery", default=None)
"""The current delivery; threads get it with the rest of the context."""


@dataclass(slots=True)
class RecordedCall:
    """One HTTP attempt. Times are simulated milliseconds since the first delivery; ``end_ms`` None: still under way.

    ``error`` is the error code, ``timeout``, ``crash``, or ``unanswered`` where there is no such endpoint. With
    ``timeout-after`` or ``crash-after`` in ``fault`` the call took effect nevertheless.
    """

    n: int
    delivery: int
    receive: int
    attempt: int
    service: str
    operation: str
    parameters: Any
    account: str | None
    region: str | None
    start_ms: float
    end_ms: float | None
    error: str | None
    fault: str | None
    incident: str | None


class Recorder:
    """Keeps the calls and knows to which delivery each belongs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._origin_seconds: float | None = None
        self._calls: list[RecordedCall] = []

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every call so far, in the order in which they began."""
        return [asdict(call) for call in self._calls]

    @contextmanager
    def delivering(self, number: int, receive: int) -> Iterator[Delivery]:
        """Record what is called inside as belonging to this receive; the first one starts the milliseconds."""
        delivery = Delivery(number, receive)
        if self._origin_seconds is None:
            self._origin_seconds = self._clock.monotonic()
        token = DELIVERY.set(delivery)
        try:
            yield delivery
        finally:
            DELIVERY.reset(token)

    def current(self) -> Delivery | None:
        """Return the delivery that a call made now belongs to, or None between deliveries."""
        return DELIVERY.get()

    def begin(
        self,
        delivery: Delivery,
        *,
        attempt: int,
        service: str,
        operation: str,
        parameters: Any,
        account: str | None,
        region: str | None,
        incident: str | None,
        fault: str | None,
    ) -> RecordedCall:
        """Note that an attempt starts now."""
        call = RecordedCall(
            n=len(self._calls) + 1,
            delivery=delivery.number,
            receive=delivery.receive,
            attempt=attempt,
            service=service,
            operation=operation,
            parameters=parameters,
            account=account,
            region=region,
            start_ms=self._milliseconds(),
            end_ms=None,
            error=None,
            fault=fault,
            incident=incident,
        )
        self._calls.append(call)
        return call

    def end(self, call: RecordedCall, error: str | None) -> None:
        """Note that the attempt ended now, and how."""
        call.end_ms = self._milliseconds()
        call.error = error

    def _milliseconds(self) -> float:
        origin = self._origin_seconds or 0.0
        return round((self._clock.monotonic() - origin) * 1000, 1)


def presentable(value: Any) -> Any:
    """Return parameters as JSON values, with secrets masked and bodies as their size alone."""
    if isinstance(value, Mapping):
        return {
            str(key): _MASK if str(key).lower() in _SECRET_KEYS and isinstance(each, str) else presentable(each)
            for key, each in value.items()
        }
    if isinstance(value, (str, int, float)) or value is None:
        return value
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": len(value)}
    if isinstance(value, Sequence):
        return [presentable(each) for each in value]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return f"<{type(value).__name__}>"
