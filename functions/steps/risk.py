# SPDX-License-Identifier: Apache-2.0
"""Residual risks: what a containment leaves open, as words with fixed meanings that the steps declare.

No combination of steps makes a complete cut, and none is claimed. A step says which risks are left after it
(``leaves``), and which risks its work takes away, whichever step said that they are left (``answers``). Both are pure,
and go by what was done and read back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from functions.incident.model import StepOutcome, StepResult
from functions.steps.host import Host

R_co = TypeVar("R_co", covariant=True)

SWITCHED_OFF = "switched off by policy"
"""Why a step was skipped that policy switches off."""


@dataclass(frozen=True, slots=True)
class Channel:
    """What a finding itself is about: ``types`` fits those findings, ``left`` says as a clause that it still works."""

    types: re.Pattern[str]
    left: str


@dataclass(frozen=True, slots=True)
class Risk:
    """One word of ``residual_risk``, with what it means.

    on_network  whether the host, or a part of it, is still on the network where this risk is left
    channel     the findings whose own channel is left with it; such a containment is never more than partial
    """

    word: str
    meaning: str
    on_network: bool = False
    channel: Channel | None = None


@dataclass(frozen=True, slots=True)
class Aftermath(Generic[R_co]):
    """What a step knows when all steps have ended.

    ``result`` is its own, None where it is no step of the decision or an option that is off. ``types`` are the types of
    the incident's findings, ``users`` the IAM users that they name.
    """

    host: Host
    result: StepResult[R_co] | None
    types: tuple[str, ...] = ()
    users: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the step did something and left nothing of it out."""
        result = self.result
        return (
            result is not None
            and result.outcome is StepOutcome.DONE
            and bool(result.items)
            and all(item.outcome is StepOutcome.DONE for item in result.items)
        )

    @property
    def switched_off(self) -> bool:
        """Whether policy switches the step off."""
        return self.result is not None and self.result.reason == SWITCHED_OFF


ROLE_CREDENTIALS = Risk(
    "role-credentials",
    "credentials of the host's role still work, on the host and wherever they were carried to",
    channel=Channel(
        re.compile(r"UnauthorizedAccess:\w+/(InstanceCredentialExfiltration\.\w+|MetadataDNSRebind)"),
        "the role's credentials, still works",
    ),
)
CONNECTIONS = Risk(
    "tracked-connections", "connections that were open when the groups changed live on until they time out"
)
PUBLIC_ADDRESS = Risk(
    "public-address",
    "the host still has a public address, over which open connections with the internet live on",
)
