# SPDX-License-Identifier: Apache-2.0
"""The entry of the package: an EventBridge event, in any dialect, becomes findings and refusals.

Never raises, whatever the JSON: a message that can't be read is recorded like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from functions.finding import asff, native, ocsf
from functions.finding.envelope import unwrap
from functions.finding.errors import FindingError, RejectedError
from functions.finding.model import Dialect, Finding, Refusal
from functions.finding.shape import kind, lenient

_READERS: Final[Mapping[Dialect, Callable[[Mapping[str, Any]], Finding]]] = {
    Dialect.ASFF: asff.read,
    Dialect.OCSF: ocsf.read,
    Dialect.NATIVE: native.read,
}
_PRINTABLE_ID: Final = re.compile(r"[!-~]{1,512}")


def parse(envelope: object) -> list[Finding | Refusal]:
    """Return one entry for each finding in the event, and one Refusal for an event without findings.

    ``envelope`` is any JSON value: the decoded body of a queue's message. A Finding is authentic in itself, that is,
    all that names its account, Region and partition agrees and the product is GuardDuty; whether the account is one
    of the organisation's is not asked here.
    """
    try:
        dialect, findings = unwrap(envelope)
    except FindingError as error:
        return [error.refusal()]
    return [_read(dialect, finding) for finding in findings]


def _read(dialect: Dialect, finding: object) -> Finding | Refusal:
    try:
        if not isinstance(finding, Mapping):
            raise RejectedError(f"a finding should be an object, not {kind(finding)}")
        return _READERS[dialect](finding)
    except FindingError as error:
        return error.refusal(_id_of(dialect, finding))


def _id_of(dialect: Dialect, finding: object) -> str | None:
    """Return the id that a refused finding gives itself, if it is short and plain enough to keep."""
    keys = {Dialect.ASFF: "Id", Dialect.NATIVE: "arn", Dialect.OCSF: "uid"}
    holder = lenient(finding, "finding_info") if dialect is Dialect.OCSF else lenient(finding)
    value = holder.get(keys[dialect])
    return value if isinstance(value, str) and _PRINTABLE_ID.fullmatch(value) else None
