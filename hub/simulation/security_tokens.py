# SPDX-License-Identifier: Apache-2.0
"""STS as AWS has it: a role is assumed only if it exists and its trust policy allows this caller.

moto takes any role and any ExternalId. The part of IAM's language that Cordon's trust policies use is evaluated here;
permissions are not (they are proven elsewhere).
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from hub.simulation.callers import Callers, SimulatedCaller
from hub.simulation.clock import SimulatedClock
from hub.simulation.wire import ApiError

_ROLE = re.compile(r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>\d{12}):role/(?P<path>.+)")
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")
_SESSION_POLICY_LIMIT = 2048
_SHORTEST_SECONDS = 900


class SecurityTokens:
    """The fakes for STS."""

    def __init__(self, callers: Callers, clock: SimulatedClock) -> None:
        self._callers = callers
        self._clock = clock

    def get_caller_identity(
        self, caller: SimulatedCaller, _region: str, _parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Tell who calls."""
        return {"UserId": f"AROAEXAMPLE:{caller.arn.rpartition('/')[2]}", "Account": caller.account, "Arn": caller.arn}

    def assume_role(self, caller: SimulatedCaller, _region: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Give out keys for a role of any account of the organisation, or refuse as AWS does."""
        arn = parameters["RoleArn"]
        _check_parameters(parameters)
        role = _find_role(arn)
        if role is None or not _trusts(role, caller, parameters):
            raise ApiError(
                "AccessDenied", f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            )
        seconds = parameters.get("DurationSeconds", 3600)
        expires_at = self._clock.now() + timedelta(seconds=seconds)
        name = parameters["RoleSessionName"]
        account = arn.split(":")[4]
        session_arn = f"{arn.replace(':iam:', ':sts:').partition(':role/')[0]}:assumed-role/{role.name}/{name}"
        issued = self._callers.issue(account, session_arn, expires_at)
        return {
            "Credentials": {
                "AccessKeyId": issued.access_key,
                "SecretAccessKey": issued.secret_key,
                "SessionToken": issued.token,
                "Expiration": expires_at,
            },
            "AssumedRoleUser": {"AssumedRoleId": f"{role.id}:{name}", "Arn": session_arn},
            "PackedPolicySize": 6,
            **({"SourceIdentity": parameters["SourceIdentity"]} if "SourceIdentity" in parameters else {}),
        }


def _check_parameters(parameters: Mapping[str, Any]) -> None:
    for name in ("RoleSessionName", "SourceIdentity"):
        if name in parameters and not _SESSION_NAME.fullmatch(parameters[name]):
            member = name[0].lower() + name[1:]
            raise ApiError("ValidationError", f"Value at '{member}' failed to satisfy constraint: [\\w+=,.@-]{{2,64}}")
    policy = parameters.get("Policy")
    if policy is not None:
        if len(policy) > _SESSION_POLICY_LIMIT:
            raise ApiError("ValidationError", f"Value at 'policy' must have length at most {_SESSION_POLICY_LIMIT}")
        try:
            json.loads(policy)
        except ValueError as error:
            raise ApiError("MalformedPolicyDocument", "This policy contains invalid Json") from error
    seconds = parameters.get("DurationSeconds", 3600)
    if not _SHORTEST_SECONDS <= seconds <= 3600:  # noqa: PLR2004 - a chained role's session lasts one hour at most
        raise ApiError("ValidationError", "The requested DurationSeconds is not between 900 and 3600 seconds")


def _find_role(arn: str) -> Any:
    from moto.iam.models import iam_backends

    match = _ROLE.fullmatch(arn)
    if match is None:
        raise ApiError("ValidationError", f"{arn} is invalid")
    if match["account"] not in list(iam_backends):
        return None
    roles = iam_backends[match["account"]][match["partition"]].roles.values()
    return next((role for role in roles if role.arn == arn), None)


def _trusts(role: Any, caller: SimulatedCaller, parameters: Mapping[str, Any]) -> bool:
    document = json.loads(unquote(role.assume_role_policy_document))
    statements = [each for each in _listed(document["Statement"]) if _names(each, caller)]
    wanted = {"sts:AssumeRole"}
    if parameters.get("Tags"):
        wanted.add("sts:TagSession")
    if "SourceIdentity" in parameters:
        wanted.add("sts:SetSourceIdentity")
    context = {
        "sts:externalid": parameters.get("ExternalId"),
        "sts:sourceidentity": parameters.get("SourceIdentity"),
        "sts:rolesessionname": parameters.get("RoleSessionName"),
        "aws:principalaccount": caller.account,
        **{f"aws:requesttag/{tag['Key']}".lower(): tag["Value"] for tag in parameters.get("Tags", [])},
    }
    allowed = {
        action
        for statement in statements
        if statement["Effect"] == "Allow" and _holds(statement.get("Condition", {}), context)
        for action in wanted
        if any(fnmatch.fnmatchcase(action, pattern) for pattern in _listed(statement["Action"]))
    }
    return allowed == wanted


def _names(statement: Mapping[str, Any], caller: SimulatedCaller) -> bool:
    principals = _listed(statement.get("Principal", {}).get("AWS", []))
    return any(each in ("*", caller.account) or each.split(":")[4:5] == [caller.account] for each in principals)


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str | None]) -> bool:
    """Tell whether the conditions are true; keys without a value in the simulation (the organisation) are."""
    for operator, keys in condition.items():
        for key, expected in keys.items():
            if key.lower() not in context:
                continue
            value = context[key.lower()]
            if value is None:
                if operator.endswith("IfExists"):
                    continue
                return False
            like = "Like" in operator
            if not any(fnmatch.fnmatchcase(value, each) if like else value == each for each in _listed(expected)):
                return False
    return True


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]
