# SPDX-License-Identifier: Apache-2.0
"""Values of policy files that are more than text: how each is written, and what is wrong when it is not.

Each type is text (or a number) that pydantic checks with one of the functions below; they raise ValueError with a
sentence that follows the place and the path.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StrictStr

from functions.finding.users import NAME as USER_NAME

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_AGE_SECONDS = 14 * 86400


def seconds(text: str) -> int:
    """Return ``90m`` as seconds; raise ValueError unless it is between a second and the queue's 14 days."""
    if not re.fullmatch(r"[1-9][0-9]{0,6}[smhd]", text):
        raise ValueError(f"{text!r} is not a time span such as 90s, 30m, 6h or 2d")
    value = int(text[:-1]) * _UNITS[text[-1]]
    if value > _LONGEST_AGE_SECONDS:
        raise ValueError(f"{text!r} is more than the 14 days for which the queue keeps an event")
    return value


def moment(text: str) -> datetime:
    """Return the end of an exception: a date means the end of that day in UTC. Raises ValueError."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return day + timedelta(days=1)
        when = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a date such as 2027-01-31 or a time such as 2027-01-31T18:00:00Z") from error
    if when.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; did you mean {text + 'Z'!r}?")
    return when.astimezone(UTC)


def spelt(pattern: str, what: str) -> AfterValidator:
    """Return the check that a text is written as a pattern of ASCII says; ``what`` it would be then."""
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"{text!r} is not {what}")
        return text

    return AfterValidator(check)


def _account(text: str) -> str:
    if re.fullmatch(r"\d{12}", text, re.ASCII):
        return text
    digits = f", this has {len(text)}" if text.isdecimal() else ""
    raise ValueError(f"{text!r} is not an account id: 12 digits{digits}")


def _cidr(text: str) -> str:
    address, slash, _ = text.partition("/")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an address range such as 198.51.100.0/24") from error
    if not slash:
        raise ValueError(f"{text!r} has no prefix length; did you mean '{network}'?")
    if ipaddress.ip_address(address) != network.network_address:
        raise ValueError(f"{text!r} has bits set beyond its prefix; did you mean '{network}'?")
    if network.prefixlen == 0:
        raise ValueError(f"{text!r} would open an isolated host to the internet: name a smaller range")
    return str(network)


def _endpoint(text: str) -> str:
    if text.startswith(("sg-", "pl-")):
        if not re.fullmatch(r"(sg|pl)-[0-9a-f]{8,17}", text, re.ASCII):
            raise ValueError(f"{text!r} is not the id of a security group (sg-...) or a prefix list (pl-...)")
        return text
    return _cidr(text)


def _checked(text: str) -> str:
    seconds(text)
    return text


def _dated(text: str) -> str:
    moment(text)
    return text


def _told(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: give a reason, for the people who see the exception during an incident")
    return text


Text = StrictStr
Flag = StrictBool
Account = Annotated[StrictStr, AfterValidator(_account)]
OuPath = Annotated[StrictStr, spelt(r"(/[^/\x00-\x1f]{1,128})+", "the path of an OU, such as /Workloads/Prod")]
Cidr = Annotated[StrictStr, AfterValidator(_cidr)]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
Count = Annotated[StrictInt, Field(ge=0, le=100_000)]
Percent = Annotated[StrictInt, Field(ge=1, le=100)]
SecurityGroup = Annotated[StrictStr, spelt(r"sg-[0-9a-f]{8,17}", "a security group id (sg-...)")]
PrefixList = Annotated[StrictStr, spelt(r"pl-[0-9a-f]{8,17}", "a prefix list id (pl-...)")]
Endpoint = Annotated[StrictStr, AfterValidator(_endpoint)]
Instance = Annotated[StrictStr, spelt(r"i-[0-9a-f]{8,17}", "an instance id (i-...)")]
Image = Annotated[StrictStr, spelt(r"ami-[0-9a-f]{8,17}", "an image id (ami-...)")]
Name = Annotated[StrictStr, spelt(r"[a-z0-9][a-z0-9-]{0,62}", "a name of lower-case letters, digits and dashes")]
User = Annotated[StrictStr, spelt(USER_NAME.pattern, "the name of an IAM user: 1 to 64 of A-Z a-z 0-9 _+=,.@-")]
TagKey = Annotated[StrictStr, spelt(r"(?!aws:)[^\s][^\x00-\x1f]{0,127}", "the key of a tag that people can set")]
Organization = Annotated[StrictStr, spelt(r"o-[a-z0-9]{10,32}", "an organisation id (o-...)")]
OuOrRoot = Annotated[StrictStr, spelt(r"/|(/[^/\x00-\x1f]{1,128})+", "the path of an OU, or / for the root")]
Reason = Annotated[StrictStr, AfterValidator(_told)]
Span = Annotated[StrictStr, AfterValidator(_checked)]
Until = Annotated[StrictStr, AfterValidator(_dated)]
