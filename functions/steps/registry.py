# SPDX-License-Identifier: Apache-2.0
"""Every step there is, in the order in which they are told. The engine knows steps from here alone."""

from __future__ import annotations

from functions.steps import host, isolate, protect, quarantine, snapshot
from functions.steps.step import Step

STEPS: tuple[Step, ...] = (isolate.STEP, protect.STEP, snapshot.STEP, quarantine.STEP)

OBSERVING = frozenset(host.PERMISSIONS)
"""What describing the host needs, whatever the steps."""


def contain_actions(*, changing: bool) -> frozenset[str]:
    """Return the actions that a containment needs, or, without ``changing``, those that only read."""
    actions = OBSERVING.union(*(step.permissions for step in STEPS))
    return actions if changing else frozenset(action for action in actions if ":Describe" in action)


def release_actions() -> frozenset[str]:
    """Return the actions that a release needs."""
    return OBSERVING.union(*(step.release_permissions for step in STEPS))
