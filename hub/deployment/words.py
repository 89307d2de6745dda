# SPDX-License-Identifier: Apache-2.0
"""Values of ``deployment.yaml`` that are more than text: how each is written, and what is wrong when it is not.

As in ``hub.policy.words``, each is checked by a function that raises ValueError with a sentence which follows the
place and the path.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, StrictInt, StrictStr

from hub.policy.words import spelt

LONGEST_QUALIFIER = 20
"""What the functions accept, and what the longest names leave: a bucket's name has 63 characters, a role's 64."""

RETENTIONS_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""What CloudWatch Logs accepts for PutRetentionPolicy, by its API reference."""

_LONGEST_ADDRESS = 254
_RESERVED = ("aws", "amzn", "sthree", "xn-")
"""Beginnings of a tag's key or a bucket's name that AWS reserves."""


def _qualifier(text: str) -> str:
    if not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", text, re.ASCII):
        raise ValueError(f"{text!r} is not a qualifier: a lower-case letter, then lower-case letters, digits, dashes")
    if len(text) > LONGEST_QUALIFIER:
        raise ValueError(f"{text!r} has {len(text)} characters; names leave room for {LONGEST_QUALIFIER}")
    if text.startswith(_RESERVED):
        raise ValueError(f"{text!r} begins as AWS's own names do ({', '.join(_RESERVED)})")
    if text.endswith("-hub"):
        raise ValueError(f"{text!r} ends with -hub: its roles would be called like those of {text[:-4]!r}")
    return text


def _retention(days: int) -> int:
    if days not in RETENTIONS_DAYS:
        nearest = min(RETENTIONS_DAYS, key=lambda each: abs(each - days))
        raise ValueError(f"{days} days is nothing that CloudWatch Logs knows; did you mean {nearest}?")
    return days


def _address(text: str) -> str:
    if len(text) > _LONGEST_ADDRESS or not re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", text):
        raise ValueError(f"{text!r} is not an e-mail address")
    return text


def _principal(text: str) -> str:
    """Check the ARN pattern of exempt principals; a pattern that fits every principal would end the guard."""
    found = re.fullmatch(r"arn:[a-z*-]+:iam::(?:\d{12}|\*):(?:role|user)/(\S+)", text, re.ASCII)
    if not found:
        raise ValueError(f"{text!r} is not an ARN pattern such as arn:*:iam::*:role/break-glass")
    if not found[1].strip("*?/"):
        raise ValueError(f"{text!r} fits every principal, so the guard would deny nothing: name a role or user")
    return text


def _among(low: int, high: int) -> Callable[[int], int]:
    def check(number: int) -> int:
        if not low <= number <= high:
            raise ValueError(f"{number} is not between {low} and {high}")
        return number

    return check


Qualifier = Annotated[StrictStr, AfterValidator(_qualifier)]
Unit = Annotated[StrictStr, spelt(r"ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}", "the id of an OU (ou-...)")]
Attached = Annotated[
    StrictStr,
    spelt(
        r"r-[a-z0-9]{4,32}|ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|\d{12}",
        "the id of a root (r-...), an OU (ou-...) or an account",
    ),
]
Principal = Annotated[StrictStr, AfterValidator(_principal)]
Address = Annotated[StrictStr, AfterValidator(_address)]
Retention = Annotated[StrictInt, AfterValidator(_retention)]
Percentage = Annotated[StrictInt, AfterValidator(_among(1, 100))]
Tolerance = Annotated[StrictInt, AfterValidator(_among(0, 100))]
LockDays = Annotated[StrictInt, AfterValidator(_among(1, 36500))]
Hourly = Annotated[StrictInt, AfterValidator(_among(1, 1000))]
