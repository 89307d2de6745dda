# SPDX-License-Identifier: Apache-2.0
"""IAM's language where ministack's evaluator leaves it short: variables, keys of the caller, service control policies.

A statement with a variable that has no value doesn't match, as the IAM guide has it (policy elements: variables).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from hub.lab.emulator import organizations
from hub.lab.emulator.calls import CALL
from hub.simulation.patches import Patches

_VARIABLE = re.compile(r"\$\{(?P<key>[^},]+?)(?:, *'(?P<default>[^']*)')?\}")
_LITERAL = {"*": "*", "?": "?", "$": "$"}

_OF_THE_CALL = {
    "sts:sourceidentity": "SourceIdentity",
    "sts:externalid": "ExternalId",
    "sts:rolesessionname": "RoleSessionName",
}
"""Condition keys of AssumeRole, and the parameter that each is."""


class _NoValueError(Exception):
    """A variable has no value in this request."""


def correct(patches: Patches) -> None:
    """Fill the gaps of the evaluator."""
    from ministack.core import iam_evaluator

    patches.replace(iam_evaluator, "_principal_org_id", organizations.organization_of)
    value = _correct_keys(patches)
    _correct_variables(patches, value)
    _correct_caller(patches)


def _correct_keys(patches: Patches) -> Callable[[str, Any], Any]:
    from ministack.core import iam_evaluator

    value_of: Callable[[str, Any], Any] = iam_evaluator._resolve_condition_key

    def value(key: str, context: Any) -> Any:
        found = _own_value(key.lower(), context)
        return value_of(key, context) if found is None else found

    patches.replace(iam_evaluator, "_resolve_condition_key", value)
    return value


def _correct_variables(patches: Patches, value: Callable[[str, Any], Any]) -> None:
    from ministack.core import iam_evaluator

    met: Callable[[Any, Any], bool] = iam_evaluator._conditions_met
    first: Callable[[Any, list[Any], str], Any] = iam_evaluator._first_match

    def filled(text: Any, context: Any) -> Any:
        if isinstance(text, list):
            return [filled(each, context) for each in text]
        return _filled(text, lambda key: value(key, context)) if isinstance(text, str) else text

    def conditions_met(conditions: Any, context: Any) -> bool:
        try:
            every = {
                operator: {key: filled(expected, context) for key, expected in keys.items()}
                for operator, keys in (conditions or {}).items()
            }
        except _NoValueError:
            return False
        return met(every, context)

    def first_match(context: Any, statements: list[Any], effect: str) -> Any:
        meant = []
        for statement in statements:
            try:
                resources = filled(statement.resources, context)
                excluded = filled(statement.not_resources, context)
            except _NoValueError:
                continue
            meant.append(dataclasses.replace(statement, resources=resources, not_resources=excluded))
        return first(context, meant, effect)

    patches.replace(iam_evaluator, "_conditions_met", conditions_met)
    patches.replace(iam_evaluator, "_first_match", first_match)


def _correct_caller(patches: Patches) -> None:
    from ministack.core import iam_evaluator
    from ministack.services import sts

    keys_of: Callable[[Any], dict[str, Any]] = iam_evaluator._principal_keys
    resolve: Callable[..., Any] = iam_evaluator.resolve_principal

    def principal_keys(credential: Any) -> dict[str, Any]:
        session = sts._sessions.get(credential.access_key_id) or {}
        known = {"aws:sourceidentity": session.get("SourceIdentity"), **session.get("ContextKeys", {})}
        return {**keys_of(credential), **{key: each for key, each in known.items() if each is not None}}

    def resolve_principal(access_key: str, account: str, credential: Any = None) -> Any:
        """Find the caller, limited by what its organisation allows at every level above it."""
        principal = resolve(access_key, account, credential)
        if getattr(principal, "policies", None) is not None:
            controls = organizations.service_controls(principal.account)
            parsed = [[iam_evaluator.parse_policy_document(each) for each in level] for level in controls]
            principal.limits = [*principal.limits, *parsed]
        return principal

    patches.replace(iam_evaluator, "resolve_principal", resolve_principal)
    for module in (iam_evaluator, sts):
        patches.replace(module, "_principal_keys", principal_keys)


def _own_value(key: str, context: Any) -> Any:
    """Return the value of a key that ministack has no value for, or a wrong one; None leaves it to ministack."""
    service = context.principal_type == "Service"
    if key == "aws:principalarn":
        return _role_of(context)
    if key == "aws:principalisawsservice":
        return str(service).lower()
    if key == "aws:viaawsservice":
        return "false"
    if key == "aws:principalorgpaths":
        return [path] if (path := organizations.path_of(context.principal_account)) else None
    if key == "aws:resourceorgid":
        return organizations.organization_of(_owner(context))
    if key in _OF_THE_CALL and context.action.startswith("sts:"):
        call = CALL.get()
        return call.get(_OF_THE_CALL[key]) if call is not None else None
    return None


def _role_of(context: Any) -> Any:
    """Return the ARN of the role behind a session: that, and not the session's, is aws:PrincipalArn."""
    from ministack.services import iam

    account, marker, rest = str(context.principal_arn).partition(":assumed-role/")
    if not marker:
        return None
    role = iam._roles.get_scoped(account.split(":")[4], None, rest.split("/")[0])
    return role["Arn"] if role else None


def _owner(context: Any) -> str:
    """Return the account that owns the resource; an ARN without one is taken for the caller's."""
    parts = str(context.resource_arn).split(":")
    return parts[4] if len(parts) > 4 and parts[4].isdecimal() else str(context.principal_account)  # noqa: PLR2004


def _filled(text: str, value: Callable[[str], Any]) -> str:
    def one(match: re.Match[str]) -> str:
        key = match["key"].strip()
        if key in _LITERAL:
            return _LITERAL[key]
        found = value(key)
        if isinstance(found, list):
            found = found[0] if len(found) == 1 else None
        if found is None:
            found = match["default"]
        if found is None:
            raise _NoValueError
        return str(found)

    return _VARIABLE.sub(one, text) if "${" in text else text
