# SPDX-License-Identifier: Apache-2.0
"""When an exception of policy applies, and how far it may lower a mode.

Pure. An exception depends on the finding alone, and is decided with it, or on the described instance as well.
"""

from __future__ import annotations

from datetime import datetime

from functions.finding.model import Finding, Target
from functions.policy.match import WhereResult, reads_tags, where
from functions.policy.model import InstanceFacts, Mode, PolicyException


def needs_instance(exception: PolicyException) -> bool:
    """Tell whether the exception asks for what only the described instance answers."""
    return exception.image is not None or exception.scaling_group is not None or bool(exception.tags)


def fits_finding(exception: PolicyException, finding: Finding, target: Target, now: datetime) -> WhereResult:
    """Tell whether the exception has not ended and its account, instance and ``where`` fit."""
    if not _names(exception, target, now):
        return WhereResult(applies=False)
    return where(exception.where, finding.document) if exception.where is not None else WhereResult(applies=True)


def fits_instance(exception: PolicyException, target: Target, facts: InstanceFacts, now: datetime) -> bool:
    """Tell whether the exception has not ended and fits the described instance; ``where`` was settled before."""
    return (
        _names(exception, target, now)
        and exception.image in {None, facts.image}
        and exception.scaling_group in {None, facts.scaling_group}
        and all(facts.tags.get(key) == value for key, value in exception.tags.items())
    )


def lowered(mode: Mode, exception: PolicyException) -> Mode:
    """Return the mode that the exception leaves. Attackers can tag: by tags it goes no lower than ``approve``."""
    floor = Mode.APPROVE if _by_tags(exception) else Mode.OFF
    return mode.at_most(max(exception.mode, floor, key=lambda each: each.rank))


def _names(exception: PolicyException, target: Target, now: datetime) -> bool:
    return (
        exception.until > now
        and exception.account in {None, target.account}
        and exception.instance in {None, target.instance}
    )


def _by_tags(exception: PolicyException) -> bool:
    """Tell whether a person who controls a host can bring it under the exception by tagging it.

    An instance, an image or a scaling group that is named besides keeps others out. An account doesn't, nor do rules:
    the attacker is inside the one and acts under the other. What else a ``where`` asks is nothing to rely on.
    """
    if any(name is not None for name in (exception.instance, exception.image, exception.scaling_group)):
        return False
    return bool(exception.tags) or (exception.where is not None and reads_tags(exception.where))
