# SPDX-License-Identifier: Apache-2.0
"""Holding on to what several incidents share, and letting go of it: the last one puts it back, the others don't.

What an incident reads before it holds on may be another's doing, which that one is just putting back. So what looks as
if nobody changed it counts as read; what looks changed counts only when it is read again while this incident holds on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from functions.aws import errors
from functions.incident.holds import HeldError, Hold
from functions.incident.model import Part, RestoredItem, StepOutcome
from functions.steps.step import Member, failed_part, restore

Original = Mapping[str, Any]


def held(
    member: Member,
    thing: str,
    sure: Original,
    choose: Callable[[Mapping[str, Any]], Any],
    *,
    lacks: Callable[[Original], bool],
    again: Callable[[], Original],
) -> Hold:
    """Hold on to a thing. ``sure`` is what nobody of Cordon's can have made so.

    Where the original that stands ``lacks`` something, ``again`` reads it while nobody can be putting it back. Raises
    what ``choose``, ``again`` and the table raise, and HeldError.
    """
    hold = member.holds.join(member.target.account, thing, member.incident, sure, choose)
    if lacks(hold.original):
        hold = member.holds.join(member.target.account, thing, member.incident, again(), choose)
    return hold


def left(what: str, error: Exception) -> Part:
    """Return the part for a thing that could not be held on to, so that nothing of it was changed."""
    if isinstance(error, HeldError):
        return Part(what, StepOutcome.FAILED, str(error), error.code, transient=True)
    return failed_part(what, error)


def share_out(
    step: str, member: Member, thing: str, what: str, put_back: Callable[[Original], list[RestoredItem]]
) -> list[RestoredItem]:
    """Let go of a thing, and put it back where nobody else holds on to it.

    Whoever could not put it back keeps the right to: a further release comes here again. Whoever took so long that
    another incident came to hold on to it leaves the rest to that one, and says so.
    """
    account, items = member.target.account, list[RestoredItem]()
    try:
        hold = member.holds.leave(account, thing, member.incident)
        if hold is None:
            return [RestoredItem(step, what, restored=True, reason="this incident has no hold on it")]
        if not hold.last:
            reason = f"left to the {len(hold.others)} other incident(s) that hold on to it"
            return [RestoredItem(step, what, restored=True, reason=reason)]
        items = put_back(hold.original)
        if not any(item.retry for item in items):
            member.holds.end(account, thing, member.incident)
    except (HeldError, *errors.AwsError) as error:
        return [*items, _not_let_go(step, what, error)]
    return items


def restore_alone(step: str, member: Member, thing: str, what: str, call: Callable[[], object]) -> RestoredItem:
    """Make one restoring call of ``put_back``, unless another incident came to hold on to the thing meanwhile."""
    try:
        member.holds.stay(member.target.account, thing, member.incident)
    except (HeldError, *errors.AwsError) as error:
        return _not_let_go(step, what, error)
    return restore(step, what, call)


def _not_let_go(step: str, what: str, error: Exception) -> RestoredItem:
    reason = str(error) if isinstance(error, HeldError) else errors.message(error)
    return RestoredItem(step, what, restored=False, reason=reason, retry=True)
