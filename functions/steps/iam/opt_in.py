# SPDX-License-Identifier: Apache-2.0
"""The opt-in role: how a step makes calls with the credentials of the member's identity role, where there is one."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

from functions import names
from functions.aws import errors
from functions.context import MEMBER_CREDENTIALS, MemberCredentials
from functions.incident.model import ItemOutcome, StepOutcome
from functions.steps.step import Member, failed_item

T = TypeVar("T")

NOT_DEPLOYED = "the opt-in role identity is not deployed in this account"
_DENIED = ("AccessDenied", "AccessDeniedException")


def enter(member: Member) -> MemberCredentials:
    """Return the identity role's credentials; raise what STS raises, which ``no_way_in`` makes an item of."""
    return member.enter(names.IDENTITY)


def no_way_in(what: str, error: Exception) -> ItemOutcome:
    """Return the item for a role that can't be assumed: a skip where the account was not given one."""
    if errors.code(error) in _DENIED:
        return ItemOutcome(what, StepOutcome.SKIPPED, NOT_DEPLOYED)
    return failed_item(what, error)


def using(credentials: MemberCredentials, call: Callable[[], T]) -> T:
    """Make a call with these credentials; those of whoever calls stay as they are."""

    def work() -> T:
        MEMBER_CREDENTIALS.set(credentials)
        return call()

    return copy_context().run(work)
