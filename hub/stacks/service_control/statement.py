# SPDX-License-Identifier: Apache-2.0
"""Denials of a service control policy: of actions on resources, for all principals but those named."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

Statement = Mapping[str, object]
Conditions = Mapping[str, Mapping[str, str | list[str]]]

SIZE_LIMIT = 5120
"""Characters of a service control policy (Organizations' quotas)."""


def deny(
    sid: str,
    actions: Iterable[str],
    *,
    unless: Iterable[str],
    on: Iterable[str] = ("*",),
    when: Conditions | None = None,
) -> Statement:
    """Return a denial for all principals but those that fit ``unless``; ``when`` narrows it further."""
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Action": sorted(set(actions)),
        "Resource": list(on),
        "Condition": {"ArnNotLike": {"aws:PrincipalArn": list(unless)}, **(when or {})},
    }


class PolicyTooLongError(Exception):
    """A service control policy is longer than Organizations takes: every exempt principal is named often."""

    def __init__(self, characters: int) -> None:
        super().__init__(
            f"a service control policy has {characters} characters, and Organizations takes {SIZE_LIMIT}: "
            "name fewer or shorter patterns in guard.break_glass, guard.deployers and operators"
        )
        self.characters = characters


def document(*statements: Statement) -> dict[str, object]:
    """Return the policy of these statements; raise PolicyTooLongError."""
    policy: dict[str, object] = {"Version": "2012-10-17", "Statement": list(statements)}
    characters = len(json.dumps(policy, separators=(",", ":")))
    if characters > SIZE_LIMIT:
        raise PolicyTooLongError(characters)
    return policy
