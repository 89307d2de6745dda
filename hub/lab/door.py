# SPDX-License-Identifier: Apache-2.0
"""The lab's own door, beside AWS's APIs: what it is, and two things that only AWS itself can do.

PutEvents refuses events of ``aws.*``, and no API returns the keys with which a function runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from hub.lab.errors import LabError, NotRunningError

ABOUT = "/_lab/about"
EVENTS = "/_lab/events"
FUNCTION_KEYS = "/_lab/function-keys"
_HERE = re.compile(r"http://(127\.0\.0\.1|localhost):[0-9]{1,5}/?")
_SECONDS = 10


@dataclass(frozen=True, slots=True)
class About:
    """What a lab says of itself."""

    organization: str
    management: str
    hub: str
    home_region: str
    qualifier: str


def about(endpoint: str) -> About:
    """Return what the lab there says of itself; raise NotRunningError where none answers."""
    return About(**_ask(endpoint, ABOUT, None))


def put_event(endpoint: str, envelope: Mapping[str, Any], account: str, region: str) -> None:
    """Put an event on the default bus of an account in a Region, as the service that it names would."""
    _ask(endpoint, EVENTS, {"account": account, "region": region, "event": dict(envelope)})


def function_keys(endpoint: str, account: str, region: str, function: str) -> dict[str, str]:
    """Return the keys with which a function's code runs, named as AssumeRole names them."""
    return _ask(endpoint, FUNCTION_KEYS, {"account": account, "region": region, "function": function})


def _ask(endpoint: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
    if not _HERE.fullmatch(endpoint):
        raise NotRunningError(f"{endpoint} is not on this machine: a lab listens on http://127.0.0.1 alone")
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(endpoint.rstrip("/") + path, data=data), timeout=_SECONDS) as answer:  # noqa: S310 - http, checked
            found: dict[str, Any] = json.load(answer)
    except HTTPError as error:
        if path == ABOUT:
            raise NotRunningError(f"what listens at {endpoint} is not a lab: cordon lab up starts one") from error
        raise LabError(error.read().decode(errors="replace")) from error
    except (URLError, OSError, HTTPException, ValueError) as error:
        raise NotRunningError(f"no lab answers at {endpoint}: cordon lab up starts one") from error
    return found
