# SPDX-License-Identifier: Apache-2.0
"""Look at the host: everything that planning and the baseline need, in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from functions.containment.border import unexpected
from functions.steps.host import Host, describe
from functions.steps.step import Member, Step

GONE_STATES = frozenset({"terminated"})


@dataclass(frozen=True, slots=True)
class Sight:
    """The host, and what each step observed, or the error that this raised. ``host`` is None when there is none."""

    host: Host | None
    observed: Mapping[str, Any]

    @property
    def gone(self) -> str | None:
        """Why there is nothing left to contain, or None."""
        if self.host is None:
            return "no longer exists"
        return f"is {self.host.state}" if self.host.state in GONE_STATES else None


def look(member: Member, steps: Iterable[Step]) -> Sight:
    """Describe the host and let every step observe, all at once. Raises what DescribeInstances raises.

    What a step can't observe is that step's own: it gets the error as its observation.
    """
    steps = tuple(steps)
    observing = [member.pool.start(partial(_observe, step, member)) for step in steps]
    host = describe(member.ec2, member.pool, member.target)
    return Sight(host, {step.name: future.result() for step, future in zip(steps, observing, strict=True)})


def _observe(step: Step, member: Member) -> Any:
    try:
        return step.observe(member)
    except Exception as error:  # noqa: BLE001 — the border between steps: the host is described all the same
        unexpected(step.name, error)
        return error
