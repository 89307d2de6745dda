# SPDX-License-Identifier: Apache-2.0
"""What the opt-in role may do: cut off the identity of a host by means that no condition can bind to that host.

Kept apart, in a role of its own that is not made unless asked for, because one of these grants makes its holder
administrator of the account. The grants are those of the options that need them.
"""

from __future__ import annotations

from dataclasses import replace

from functions.steps import registry
from functions.steps.registry import Needed


def identity_grants(qualifier: str) -> tuple[Needed, ...]:
    """Return what the identity role may do, with the option that needs it, under a deployment's own names."""

    def named(text: str) -> str:
        return text.replace("{qualifier}", qualifier)

    return tuple(
        replace(
            needed,
            grant=replace(
                needed.grant,
                resource=named(needed.grant.resource),
                conditions={
                    operator: {key: tuple(map(named, values)) for key, values in keys.items()}
                    for operator, keys in needed.grant.conditions.items()
                },
            ),
        )
        for needed in registry.identity_grants()
    )
