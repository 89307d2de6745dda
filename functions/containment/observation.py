# SPDX-License-Identifier: Apache-2.0
"""Look at the host: everything that planning and the baseline need, in one round trip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from functions.containment.border import unexpected
from functions.steps.host import Host, describe
from functions.steps.step import Member, Step

GONE_STATES = frozenset({"terminated"})


@dataclass(frozen=True, slots=True)
class Observation:
    """The host, and what each step observed, or the error that this raised. ``host`` is None when there is none."""

    host: Host | None
    observed: Mapping[str, Any]

    @property
    def gone(self) -> str | None:
        """Why there is nothing left to contain, or None."""
        if self.host is None:
            return "no longer exists"
        return f"is {self.host.state}" if self.host.state in GONE_STATES else None


def observe_host(member: Member, steps: Iterable[Step]) -> Observation:
    """Describe the host and let every step observe, all at once. Raises what DescribeInstances raises.

    What a step can't observe is that step's own: it gets the error as its observation, a TimeoutError where it was
    not waited for any longer.
    """
    steps = tuple(steps)
    observing = {
        step: member.pool.start(partial(_observe, step.name, step.observe, member)) for step in steps if step.observe
    }
    host = describe(member.ec2, member.pool, member.target)
    observed = {step.name: _observed(step, future) for step, future in observing.items()}
    return Observation(host, {step.name: observed.get(step.name) for step in steps})


def _observe(name: str, observe: Callable[[Member], Any], member: Member) -> Any:
    try:
        return observe(member)
    except Exception as error:  # noqa: BLE001 — the border between steps: the host is described all the same
        unexpected(name, error)
        return error


def _observed(step: Step, observing: Future[Any]) -> Any:
    try:
        return observing.result(timeout=step.observe_seconds)
    except TimeoutError:
        return TimeoutError(f"no answer within {step.observe_seconds:g} s")
