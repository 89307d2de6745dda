# SPDX-License-Identifier: Apache-2.0
"""Who calls: the access keys that the simulated organisation has given out, and whose they are.

moto would take any key for its default account's. Here an unknown, wrong or outlived key is refused as AWS refuses it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random

from hub.simulation.wire import ApiError, service_model

_SCOPE = re.compile(r"Credential=(?P<key>[A-Z0-9]+)/\d{8}/(?P<region>[^/]+)/")
_ALPHABET = string.ascii_uppercase + "234567"


@dataclass(frozen=True, slots=True)
class SimulatedCaller:
    """A principal with one set of keys. ``expires_at`` None: never."""

    account: str
    arn: str
    access_key: str
    secret_key: str
    token: str
    expires_at: datetime | None = None


class Callers:
    """Every key that is valid somewhere in the simulation."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._by_key: dict[str, SimulatedCaller] = {}

    def issue(self, account: str, arn: str, expires_at: datetime | None = None) -> SimulatedCaller:
        """Give a principal temporary keys."""
        key = "ASIA" + self._word(16)
        caller = SimulatedCaller(account, arn, key, self._word(40), self._word(80), expires_at)
        self._by_key[key] = caller
        return caller

    def _word(self, length: int) -> str:
        return "".join(self._random.choice(_ALPHABET) for _ in range(length))

    def of(self, service: str, headers: Mapping[str, str], now: datetime) -> SimulatedCaller:
        """Return who signed a request; raise ApiError with the code that AWS would give."""
        key, _ = scope(headers)
        caller = self._by_key.get(key or "")
        protocol = service_model(service).protocol
        if caller is None or headers.get("X-Amz-Security-Token") != caller.token:
            code = {"ec2": "AuthFailure", "json": "UnrecognizedClientException", "rest-xml": "InvalidAccessKeyId"}
            raise ApiError(
                code.get(protocol, "InvalidClientTokenId"),
                "The security token included in the request is invalid: it was not issued in this simulation.",
            )
        if caller.expires_at is not None and now >= caller.expires_at:
            code = {"ec2": "RequestExpired", "json": "ExpiredTokenException"}
            raise ApiError(code.get(protocol, "ExpiredToken"), "The security token included in the request is expired")
        return caller

    def account_of(self, headers: Mapping[str, str]) -> str | None:
        """Return the account that the key belongs to, valid or not; None for a stranger's."""
        key, _ = scope(headers)
        caller = self._by_key.get(key or "")
        return caller.account if caller else None


def scope(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return access key and Region from a signature, or None for each where there is none."""
    match = _SCOPE.search(headers.get("Authorization", ""))
    return (match["key"], match["region"]) if match else (None, None)
