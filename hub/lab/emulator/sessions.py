# SPDX-License-Identifier: Apache-2.0
"""Sessions as STS and Lambda give them out: with a source identity that stays, and with the function they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hub.lab.emulator.calls import CALL, REFUSED, Refused
from hub.simulation.patches import Patches
from hub.simulation.wire import error_answer

_OK = 200


def correct(patches: Patches) -> None:
    """Let the trust policy decide about the source identity, keep it, and name the function of a function's role."""
    _correct_trust(patches)
    _correct_sessions(patches)
    _correct_functions(patches)


def _correct_trust(patches: Patches) -> None:
    from ministack.core import iam_evaluator

    trusts: Callable[..., bool] = iam_evaluator.evaluate_trust_policy

    def evaluate_trust_policy(document: Any, caller: str, context: Any = None) -> bool:
        if not trusts(document, caller, context):
            return False
        call = CALL.get()
        if context is None or context.action != "sts:AssumeRole" or call is None or not call.get("SourceIdentity"):
            return True
        if trusts(document, caller, replace(context, action="sts:SetSourceIdentity")):
            return True
        REFUSED.set(Refused("sts:SetSourceIdentity", str(context.resource_arn)))
        return False

    patches.replace(iam_evaluator, "evaluate_trust_policy", evaluate_trust_policy)


def _correct_sessions(patches: Patches) -> None:
    from ministack import app
    from ministack.services import sts

    assume = app.SERVICE_HANDLERS["sts"]
    register: Callable[[str, dict[str, Any]], None] = sts.register_session

    def register_session(access_key: str, session: dict[str, Any]) -> None:
        call = CALL.get()
        if call is not None and call.service == "sts":
            # Once set, roles that are assumed from this session keep it.
            before = sts._sessions.get(session.get("SourceAccessKeyId") or "", {})
            session["SourceIdentity"] = before.get("SourceIdentity") or call.get("SourceIdentity")
        register(access_key, session)

    async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Any) -> Any:
        call = CALL.get()
        if call is not None and (problem := _changed_identity(call.get("SourceIdentity"), headers, query_params)):
            return error_answer("sts", "AccessDenied", problem)
        status, answered, data = await assume(method, path, headers, body, query_params)
        refused = REFUSED.get()
        if refused is not None and status != _OK:
            data = data.replace(b"perform: sts:AssumeRole on", f"perform: {refused.action} on".encode())
        return status, answered, data

    patches.replace(sts, "register_session", register_session)
    app.SERVICE_HANDLERS["sts"] = handle


def _correct_functions(patches: Patches) -> None:
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc, sts

    credentials_of: Callable[[Any], dict[str, str]] = lambda_runtime.execution_credentials

    def execution_credentials(config: Any) -> dict[str, str]:
        given = credentials_of(config)
        session = sts._sessions[given["AWS_ACCESS_KEY_ID"]]
        session["ContextKeys"] = {"lambda:sourcefunctionarn": config["FunctionArn"]}
        return given

    for module in (lambda_runtime, lambda_svc):
        patches.replace(module, "execution_credentials", execution_credentials)


def _changed_identity(wanted: str | None, headers: Mapping[str, str], query_params: Any) -> str | None:
    """Say what is wrong with a source identity: a session that has one may not take another."""
    from ministack.core.router import extract_access_key_id
    from ministack.services import sts

    session = sts._sessions.get(extract_access_key_id(headers, query_params) or "", {})
    has = session.get("SourceIdentity")
    return (
        f"The session has the source identity {has} and can't take {wanted}"
        if has and wanted not in (None, has)
        else None
    )
