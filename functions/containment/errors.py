# SPDX-License-Identifier: Apache-2.0
"""Errors of a containment, and what an error of one step becomes.

ContainmentError
├── ApprovalNeededError   a person has to approve before the host is contained
├── NotBegunError         the baseline was not written, so no step may act
└── SectionTooLargeError  a section of the baseline fits into no item, so its step may not act

What a step raises stays that step's own, whatever it is: an error of AWS, an answer that lacks what AWS documents, a
mistake of ours. It ends as a failed item, and an error that is not AWS's also as a line in the log that says where it
was raised.
"""

from __future__ import annotations

import logging

from functions import log
from functions.aws import errors
from functions.incident.model import ItemOutcome, StepOutcome
from functions.policy.model import Cap
from functions.steps.step import ItemError, StepError, failed_item


class ContainmentError(Exception):
    """Base of the errors of this package; the text is a sentence for a person."""


class ApprovalNeededError(ContainmentError):
    """A person has to approve before this host is contained; nothing of it was changed. Attribute ``cap``."""

    def __init__(self, cap: Cap) -> None:
        super().__init__(cap.reason)
        self.cap = cap


class NotBegunError(ContainmentError):
    """The baseline was not written."""


class SectionTooLargeError(ContainmentError):
    """Sections are written all or nothing: one that fits into no item would keep the others from being written."""


def item_of(step: str, error: Exception, what: str | None = None) -> ItemOutcome:
    """Return the failed item that an error of a step becomes; ``what`` names it where the step's name does not."""
    if isinstance(error, SectionTooLargeError):
        return ItemOutcome(what or step, StepOutcome.FAILED, str(error), "TooLarge")
    if isinstance(error, ItemError):
        return error.item
    if isinstance(error, StepError):
        return ItemOutcome(what or step, StepOutcome.FAILED, str(error), error.code, error.transient)
    if isinstance(error, (*errors.AwsError, TimeoutError)):
        return failed_item(what or step, error)
    return unexpected(step, error)


def unexpected(step: str, error: Exception) -> ItemOutcome:
    """Log an error of a step that is not AWS's, and return the item that it becomes."""
    name = type(error).__name__
    reason = f"failed unexpectedly: {name}: {error}"
    log.write(
        "step", level=logging.ERROR, step=step, outcome="failed", reason=reason, error=name, bug=log.raised_at(error)
    )
    return ItemOutcome(step, StepOutcome.FAILED, reason, name)
