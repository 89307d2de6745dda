# SPDX-License-Identifier: Apache-2.0
"""Errors of the incident's records.

IncidentError
├── RecordError             what is stored can't be read: nothing may be done that needs it
│   └── NewerSchemaError    a newer version of Cordon stored it, in a form that this one does not know
├── ClaimLostError          the lease ran out and another attempt took the target over
├── LimitReachedError       a counter of containments is used up
└── ResourceBusyError       a shared resource can't be acquired or released now (functions.incident.shared_resources)
"""

from __future__ import annotations


class IncidentError(Exception):
    """Base of the errors of this package; the text is a sentence for a person."""


class RecordError(IncidentError):
    """A stored document can't be read. ``incident``: the incident that it belongs to, where that is known."""

    def __init__(self, what: str, problem: str, incident: str | None = None) -> None:
        super().__init__(f"{what} {problem}")
        self.what = what
        self.incident = incident


class NewerSchemaError(RecordError):
    """A stored document has a higher schema than this version reads. Attributes ``what``, ``schema``, ``incident``."""

    def __init__(self, what: str, schema: int, known: int, incident: str | None = None) -> None:
        written = f"was written by a newer version of Cordon (schema {schema}, this one reads {known})"
        super().__init__(what, f"{written}: deploy that version again", incident)
        self.schema = schema


class ClaimLostError(IncidentError):
    """The lease ran out and another attempt took the target over. Attribute ``incident``."""

    def __init__(self, incident: str) -> None:
        super().__init__(f"the lease on {incident} was lost to another attempt")
        self.incident = incident


class LimitReachedError(IncidentError):
    """A counter of containments is used up. Attribute ``scope``: what it counts for."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"the limit of containments an hour for {scope} is used up")
        self.scope = scope
