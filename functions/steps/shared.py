# SPDX-License-Identifier: Apache-2.0
"""Acquiring and releasing shared resources in a step: the last incident restores one, the others leave it.

What an incident reads before it acquires a resource may be the change of another incident, which that one is just
undoing. So what looks unchanged counts as read; what looks changed counts only when it is read again afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from functions.aws import errors
from functions.incident.model import ItemOutcome, RestoredItem, StepOutcome
from functions.incident.shared_resources import ResourceBusyError, SharedUse
from functions.steps.step import Member, failed_item, restore

Original = TypeVar("Original", bound=Mapping[str, Any])
"""What a step keeps of a resource as it was, a TypedDict of its own. Only that step acquires resources of that kind."""


def acquire(
    member: Member,
    resource: str,
    known_original: Original,
    choose_share: Callable[[Mapping[str, Any]], Any],
    *,
    lacks: Callable[[Original], bool],
    read_again: Callable[[], Original],
) -> SharedUse:
    """Acquire a resource. ``known_original`` is the part of its state that no incident can have changed.

    Where the original on record ``lacks`` something, ``read_again`` reads it while no incident can be restoring it.
    Raises what ``choose_share``, ``read_again`` and the table raise, and ResourceBusyError.
    """
    use = member.shared_resources.acquire(
        member.target.account, resource, member.incident, known_original, choose_share
    )
    if lacks(cast("Original", use.original)):
        use = member.shared_resources.acquire(
            member.target.account, resource, member.incident, read_again(), choose_share
        )
    return use


def not_acquired(what: str, error: Exception) -> ItemOutcome:
    """Return the item for a resource that could not be acquired, so that nothing of it was changed."""
    if isinstance(error, ResourceBusyError):
        return ItemOutcome(what, StepOutcome.FAILED, str(error), error.code, transient=True)
    return failed_item(what, error)


def release_shared(
    step: str, member: Member, resource: str, what: str, put_back: Callable[[Original], list[RestoredItem]]
) -> list[RestoredItem]:
    """Release a resource, and restore it where no other incident uses it.

    An incident that could not restore it keeps the right to: a further release comes here again. Where restoring took
    so long that another incident acquired the resource, the rest is left to that one, and the item says so.
    """
    account, items = member.target.account, list[RestoredItem]()
    try:
        use = member.shared_resources.release(account, resource, member.incident)
        if use is None:
            return [RestoredItem(step, what, restored=True, reason="this incident does not use it")]
        if not use.last:
            reason = f"left to the {len(use.others)} other incident(s) that use it"
            return [RestoredItem(step, what, restored=True, reason=reason)]
        items = put_back(cast("Original", use.original))
        if not any(item.retry for item in items):
            member.shared_resources.finish_restore(account, resource, member.incident)
    except (ResourceBusyError, *errors.AwsError) as error:
        return [*items, _not_released(step, what, error)]
    return items


def restore_unless_shared(
    step: str, member: Member, resource: str, what: str, call: Callable[[], object]
) -> RestoredItem:
    """Make one restoring call of ``put_back``, unless another incident acquired the resource meanwhile."""
    try:
        member.shared_resources.extend_restore(member.target.account, resource, member.incident)
    except (ResourceBusyError, *errors.AwsError) as error:
        return _not_released(step, what, error)
    return restore(step, what, call)


def _not_released(step: str, what: str, error: Exception) -> RestoredItem:
    reason = str(error) if isinstance(error, ResourceBusyError) else errors.message(error)
    return RestoredItem(step, what, restored=False, reason=reason, retry=True)
