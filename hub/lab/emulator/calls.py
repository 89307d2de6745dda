# SPDX-License-Identifier: Apache-2.0
"""The call that is being answered, kept for what decides about it.

ministack's enforcement gets an action and one ARN. EC2 asks about several resources and their tags, STS about
three actions, so the parameters are kept where ministack works out the ARN, and read where it decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from hub.lab.emulator import organizations, profiles
from hub.simulation.patches import Patches

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EmulatedCall:
    """A call, of the query protocol with parameters as they came over the wire (``Tags.member.1.Key``)."""

    service: str
    parameters: Parameters
    account: str
    region: str
    body: bytes

    def get(self, name: str) -> str | None:
        """Return a parameter's value; None where it is not given."""
        value = self.parameters.get(name)
        first = value[0] if isinstance(value, list) and value else value
        return str(first) if first not in (None, []) else None


@dataclass(frozen=True, slots=True)
class Refused:
    """What exactly was refused, of all that a call needs."""

    action: str
    resource: str


CALL: ContextVar[EmulatedCall | None] = ContextVar("lab_call", default=None)
REFUSED: ContextVar[Refused | None] = ContextVar("lab_refused", default=None)


def correct(patches: Patches) -> None:
    """Keep each call, and say in a refusal what was refused."""
    from ministack.core import iam_actions

    resource_of: Callable[..., str] = iam_actions.extract_resource_arn
    denial: Callable[..., Any] = iam_actions.access_denied_response

    def keep(  # noqa: PLR0917 - as ministack calls it
        service: str, method: str, path: str, headers: Any, body: bytes, query_params: Any, region: str, account_id: str
    ) -> str:
        CALL.set(EmulatedCall(service, query_params, account_id, region, body))
        REFUSED.set(None)
        if service == "organizations":
            return organizations.resource_of(account_id, json.loads(body or b"{}"))
        found = resource_of(service, method, path, headers, body, query_params, region, account_id)
        return _with_path(found, account_id) if service == "iam" else found

    def deny(service: str, action: str, principal_arn: str, request_id: str, **details: Any) -> Any:
        refused = REFUSED.get()
        if refused is not None and not details.get("message"):
            reason = "with an explicit deny" if details.get("explicit_deny") else "because no policy allows it"
            details["message"] = (
                f"User: {principal_arn} is not authorized to perform: {refused.action} "
                f"on resource: {refused.resource} {reason}"
            )
        return denial(service, action, principal_arn, request_id, **details)

    patches.replace(iam_actions, "extract_resource_arn", keep)
    patches.replace(iam_actions, "access_denied_response", deny)


def _with_path(arn: str, account: str) -> str:
    """Return the ARN of a role, user or group that there is with its path, which the call doesn't name."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    return profiles.named(account, kind, name) or arn
