# SPDX-License-Identifier: Apache-2.0
"""The Lambda handler of a release: one incident, put back on a person's word.

``{"incident": "inc-...", "by": "who asks"}`` gives ``{"incident", "error", "state", "reason", "items"}``. What is asked
wrongly, or can't be done now, is an answer with its ``error`` in words, and no failure of the function: failures raise
an alarm, and a mistyped id must not.

Who may ask at all is whoever may invoke the function. ``by`` is who the host is said to be released by, and recorded as
it is given: nothing checks it. Who invoked the function is in CloudTrail's data events of Lambda.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from functions import log
from functions.release.release import ReleaseError, release
from functions.runtime import Runtime
from functions.services import Services
from functions.start import start

_INCIDENT = re.compile(r"inc-[0-9a-z]{9}-[0-9a-z]{8}")
_BY = re.compile(r"[ -~]{1,128}")
_KEYS = {"incident", "by"}


class RequestError(Exception):
    """What was asked makes no sense; the text says what is wrong with it."""


def answer(services: Services, event: object) -> dict[str, Any]:
    """Release what the event names and return what became of it, as plain data.

    Raises what the hub's own stores raise.
    """
    try:
        incident, by = _asked(event)
    except RequestError as error:
        return _refused(None, error)
    try:
        record = release(services, incident, by=by)
    except ReleaseError as error:
        return _refused(incident, error)
    return {
        "incident": record.id,
        "error": None,
        "state": record.state.value,
        "reason": record.reason,
        "items": [asdict(item) for item in record.release],
    }


def _asked(event: object) -> tuple[str, str]:
    if not isinstance(event, Mapping):
        raise RequestError("the request should be an object with incident and by")
    unknown = sorted(str(key) for key in event.keys() - _KEYS)
    if unknown:
        raise RequestError(f"the request has {unknown[0]!r}, which is not known: incident and by are")
    incident, by = event.get("incident"), event.get("by")
    if not isinstance(incident, str) or not _INCIDENT.fullmatch(incident):
        raise RequestError(f"incident is {incident!r}, which is not the id of an incident (inc-...)")
    if not isinstance(by, str) or not _BY.fullmatch(by) or not by.strip():
        raise RequestError("by should say who asks, in 1 to 128 printable ASCII characters")
    return incident, by


def _refused(incident: str | None, error: Exception) -> dict[str, Any]:
    reason = str(error)
    log.write("release", level=logging.WARNING, outcome="refused", reason=reason)
    return {"incident": incident, "error": reason, "state": None, "reason": reason, "items": []}


_kept: list[Services] = []


def handler(event: object, _context: object) -> dict[str, Any]:
    """Lambda's entry point."""
    if not _kept:
        settings, clients = start()
        _kept.append(Services.open(settings, clients, Runtime.of_machine()))
    return answer(_kept[0], event)
