# SPDX-License-Identifier: Apache-2.0
"""Why reading a finding stops. Raised inside this package only; ``parse`` turns each into a ``Refusal``.

FindingError
├── RejectedError   malformed, forged or unproven: not to be believed
└── IgnoredError    well formed, but nothing that Cordon acts on
"""

from __future__ import annotations

from functions.finding.model import Refusal, RefusalKind


class FindingError(Exception):
    """Base of the tree. ``reason`` is a sentence for a person, with no raw text of the finding in it."""

    kind: RefusalKind

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def refusal(self, finding_id: str | None = None) -> Refusal:
        """Return the same as a record."""
        return Refusal(self.kind, self.reason, finding_id)


class RejectedError(FindingError):
    """The finding is malformed, forged or unproven."""

    kind = RefusalKind.REJECTED


class IgnoredError(FindingError):
    """The finding is none that Cordon acts on."""

    kind = RefusalKind.IGNORED
