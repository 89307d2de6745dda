# SPDX-License-Identifier: Apache-2.0
"""Amazon Resource Names, split and checked character by character.

Text that passes here is plain ASCII from a narrow set, so that it may be a key, a path or a line of a log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from functions.finding.errors import RejectedError
from functions.finding.shape import show

_PARTITION: Final = re.compile(r"aws(-[a-z]{1,10}){0,4}")
_REGION: Final = re.compile(r"[a-z]{2,8}(-[a-z]{2,12}){1,3}-[0-9]{1,2}")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_PARTS: Final = 6


@dataclass(frozen=True, slots=True)
class Arn:
    """An ARN whose partition is well formed; Region and account may be empty, ``resource`` is unchecked."""

    partition: str
    service: str
    region: str
    account: str
    resource: str


def split(value: object, where: str) -> Arn:
    """Return the ARN's parts; raise RejectedError with ``where`` in it if it is none."""
    if value is None or value == "":
        raise RejectedError(f"{where} is missing")
    parts = value.split(":", _PARTS - 1) if isinstance(value, str) else []
    if len(parts) != _PARTS or parts[0] != "arn" or not _PARTITION.fullmatch(parts[1]):
        raise RejectedError(f"{where} {show(value)} is not an ARN")
    return Arn(*parts[1:])


def account(value: object, where: str) -> str:
    """Return the account id; raise RejectedError unless it is a string of 12 digits."""
    if value is None or value == "":
        raise RejectedError(f"{where} is missing")
    if not isinstance(value, str) or not _ACCOUNT.fullmatch(value):
        raise RejectedError(f"{where} {show(value)} is not an account id of 12 digits")
    return value


def region(value: object, where: str) -> str:
    """Return the Region; raise RejectedError unless it looks like one."""
    if value is None or value == "":
        raise RejectedError(f"{where} is missing")
    if not isinstance(value, str) or not _REGION.fullmatch(value):
        raise RejectedError(f"{where} {show(value)} is not a Region")
    return value
