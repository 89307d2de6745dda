# SPDX-License-Identifier: Apache-2.0
"""Look at the host: everything that planning and the baseline need, in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from functions.steps.host import Host, describe
from functions.steps.step import AnyStep, Member

GONE_STATES = frozenset({"terminated"})


@dataclass(frozen=True, slots=True)
class Observation:
    """The host, None where there is none; and by step what it observes, which may still go on.

    observed   a future that has ended, with the step's observation or with what observing raised
    early      the same of what a step observes early; nothing has waited for it
    """

    host: Host | None
    observed: Mapping[str, Future[Any]]
    early: Mapping[str, Future[Any]]

    @property
    def gone(self) -> str | None:
        """Why there is nothing left to contain, or None."""
        if self.host is None:
            return "no longer exists"
        return f"is {self.host.state}" if self.host.state in GONE_STATES else None


def observe_host(member: Member, steps: Iterable[AnyStep]) -> Observation:
    """Describe the host and make every step observe, all at once. Raises what DescribeInstances raises.

    An observation that fails is the failure of its own step. One that takes longer than the step allows counts as
    failed: its future ends with a TimeoutError.
    """
    steps, start = tuple(steps), member.pool.start
    observing = {step: start(partial(step.observe, member)) for step in steps if step.observe is not None}
    early = {step.name: start(partial(step.observe_early, member)) for step in steps if step.observe_early is not None}
    host = describe(member.ec2, member.pool, member.target)
    nothing: Future[Any] = member.pool.promise()
    nothing.set_result(None)
    observed = {step.name: nothing for step in steps}
    observed.update({step.name: _ended(member, step, future) for step, future in observing.items()})
    return Observation(host, observed, early)


def _ended(member: Member, step: AnyStep, observing: Future[Any]) -> Future[Any]:
    """Return the future of an observation once it has ended, or one that failed where that takes too long."""
    try:
        observing.exception(timeout=step.observe_seconds)
    except TimeoutError:
        failed: Future[Any] = member.pool.promise()
        failed.set_exception(TimeoutError(f"no answer within {step.observe_seconds:g} s"))
        return failed
    return observing
