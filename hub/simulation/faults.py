# SPDX-License-Identifier: Apache-2.0
"""Faults to inject: which call goes wrong, how, and how often.

A specification reads ``SERVICE:Operation=WHAT[*N]``. WHAT is an error code, ``timeout-before``, ``timeout-after``,
``crash-before`` or ``crash-after``. Without ``*N`` an error code is for every attempt, the others for the first one.
A ``TransactionCanceledException`` of DynamoDB's is one for the conflict with another transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hub.simulation.errors import FaultError, suggestion

_SPECIFICATION = re.compile(r"(?P<service>[^:=*]+):(?P<operation>[^:=*]+)=(?P<what>[^*]+)(?:\*(?P<times>.*))?")
_ERROR_CODE = re.compile(r"[A-Z][A-Za-z0-9]*(\.[A-Za-z0-9]+)*")

_LIKELY = ("autoscaling", "dynamodb", "ec2", "elbv2", "iam", "organizations", "s3", "sns", "sts")
"""What a misspelt service was most likely meant to be."""


class Interruption(StrEnum):
    """The faults that are no answer of AWS's."""

    TIMEOUT_BEFORE = "timeout-before"
    TIMEOUT_AFTER = "timeout-after"
    CRASH_BEFORE = "crash-before"
    CRASH_AFTER = "crash-after"


@dataclass(frozen=True, slots=True)
class Fault:
    """One specification, checked. ``times`` None means always; ``skip`` attempts pass unharmed first."""

    service: str
    operation: str
    what: str
    times: int | None
    skip: int = 0


def parse_fault(text: str) -> Fault:
    """Read one specification; raise FaultError where it names nothing that exists."""
    match = _SPECIFICATION.fullmatch(text.strip())
    if match is None:
        raise FaultError([f"fault {text!r}: write SERVICE:Operation=WHAT or SERVICE:Operation=WHAT*N"])
    service, operation, what = (match[name].strip() for name in ("service", "operation", "what"))
    _check_operation(text, service, operation)
    interruptions = [str(each) for each in Interruption]
    if what not in interruptions and not _ERROR_CODE.fullmatch(what):
        wanted = f"an error code (they begin with a capital) or one of {', '.join(interruptions)}"
        raise FaultError([f"fault {text!r}: {what!r} is not {wanted}{suggestion(what, interruptions)}"])
    times: int | None = 1 if what in interruptions else None
    if match["times"] is not None:
        if not match["times"].strip().isdecimal() or int(match["times"]) < 1:
            raise FaultError([f"fault {text!r}: {match['times']!r} after the * is not a whole number above 0"])
        times = int(match["times"])
    return Fault(service, operation, what, times)


def _check_operation(text: str, service: str, operation: str) -> None:
    import botocore.session

    session = botocore.session.Session()
    services = session.get_available_services()
    if service not in services:
        near = suggestion(service, _LIKELY) or suggestion(service, services)
        raise FaultError([f"fault {text!r}: AWS has no service {service!r}{near}"])
    operations = session.get_service_model(service).operation_names
    if operation not in operations:
        raise FaultError(
            [f"fault {text!r}: {service} has no operation {operation!r}{suggestion(operation, operations)}"]
        )


def told_besides(service: str, what: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what AWS's answer to that fault has beside code and message: for a cancelled transaction the reasons.

    The item in conflict is the last one of the transaction.
    """
    if (service, what) != ("dynamodb", "TransactionCanceledException"):
        return {}
    others = [{"Code": "None"} for _ in parameters.get("TransactItems", [])[1:]]
    conflict = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
    return {"CancellationReasons": [*others, conflict]}


class FaultPlan:
    """Hands out the faults to the attempts that they are for."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._met: list[tuple[Fault, int]] = [(fault, 0) for fault in faults]

    def add(self, faults: Iterable[Fault]) -> None:
        """Add faults, counted from now."""
        self._met.extend((fault, 0) for fault in faults)

    def take(self, service: str, operation: str) -> str | None:
        """Return the WHAT that this attempt meets, or None; the first specification that is not used up decides."""
        for position, (fault, met) in enumerate(self._met):
            if (fault.service, fault.operation) != (service, operation):
                continue
            if fault.times is not None and met >= fault.skip + fault.times:
                continue
            self._met[position] = (fault, met + 1)
            if met >= fault.skip:
                return fault.what
        return None
