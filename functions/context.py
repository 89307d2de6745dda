# SPDX-License-Identifier: Apache-2.0
"""The incident of the running code, and the credentials to use for its account.

Both are context variables, so that parallel calls of one incident share them and parallel incidents do not.
Threads get them through ``functions.parallel``, which copies the context of the code that starts the work.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

INCIDENT: ContextVar[str | None] = ContextVar("cordon_incident", default=None)
"""Id of the current incident; None before the claim."""


@dataclass(frozen=True, slots=True)
class MemberCredentials:
    """Keys of one role session in a member account. Never logged, never stored."""

    access_key: str
    secret_key: str
    token: str

    def __repr__(self) -> str:
        return "MemberCredentials(***)"


MEMBER_CREDENTIALS: ContextVar[MemberCredentials | None] = ContextVar("cordon_member_credentials", default=None)
"""Credentials that member-account clients sign with; None means that no member may be called."""
