# SPDX-License-Identifier: Apache-2.0
"""Everything that one call asks IAM: each resource with its tags, AssumeRole's three actions, DynamoDB's keys.

EC2 checks each resource that a call involves, and every check has to pass; what this project doesn't know of EC2, of
Auto Scaling or of load balancing is refused, so that nothing is allowed silently. Of IAM's many operations it knows
those that the member roles may make; the others are asked about as ministack does. ``aws:RequestTag`` and the like come
with ``requests_of``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from hub.authorization.elsewhere import ELSEWHERE
from hub.authorization.places import place_of, tags_of
from hub.authorization.requests import AuthorizationRequest, UnknownOperationError, requests_of
from hub.lab.emulator import profiles
from hub.lab.emulator.calls import CALL, REFUSED, EmulatedCall, Refused
from hub.lab.emulator.leading_keys import leading_keys
from hub.lab.emulator.moto_services import parameters_of
from hub.simulation.patches import Patches

_PARTITION = "aws"
_KNOWN_WHOLLY = ("autoscaling", "ec2", "elasticloadbalancing")
"""Services of which every unknown operation is denied."""


def correct(patches: Patches) -> None:
    """Ask for everything that a call needs, where ministack asks for one thing."""
    from ministack.core import iam_evaluator

    enforce: Callable[..., Any] = iam_evaluator.enforce

    def enforce_all(
        access_key: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: Mapping[str, Any] | None = None,
    ) -> Any:
        call = CALL.get()
        asked = [AuthorizationRequest(iam_action, resource_arn, dict(service_context or {}))]
        if call is not None and call.service == service and (service in _KNOWN_WHOLLY or iam_action in ELSEWHERE):
            if is_root(access_key, call.account):
                return enforce(access_key, iam_action, service, region, resource_arn=resource_arn)
            try:
                asked = [*_of_call(service, iam_action, call)]
            except UnknownOperationError as error:
                REFUSED.set(Refused(iam_action, f"* (the lab doesn't know its permissions: {error})"))
                return iam_evaluator.EvalResult("ImplicitDeny", reason=str(error))
        elif call is not None and iam_action == "sts:AssumeRole":
            asked += [
                AuthorizationRequest(action, resource_arn, dict(service_context or {}))
                for action in _of_a_session(call)
            ]
        elif call is not None and service == "dynamodb":
            keys = tuple(leading_keys(iam_action, call.body))
            named = {"dynamodb:LeadingKeys": keys} if keys else {}
            asked = [AuthorizationRequest(iam_action, resource_arn, {**asked[0].context, **named})]
        for request in asked:
            context = {key: list(each) if isinstance(each, tuple) else each for key, each in request.context.items()}
            denied = enforce(
                access_key, request.action, service, region, resource_arn=request.resource, service_context=context
            )
            if denied is not None:
                REFUSED.set(Refused(request.action, request.resource))
                return denied
        return None

    def is_root(access_key: str, account: str) -> bool:
        """Tell whether the caller is an account's root, who builds the lab's world by calls of any kind."""
        principal = iam_evaluator.resolve_principal(access_key, account)
        return getattr(principal, "policies", ()) is None

    patches.replace(iam_evaluator, "enforce", enforce_all)


def _of_call(service: str, iam_action: str, call: EmulatedCall) -> Iterator[AuthorizationRequest]:
    operation = iam_action.partition(":")[2]
    parameters = parameters_of(service, operation, call.parameters)
    place = place_of(
        _PARTITION,
        call.account,
        call.region,
        iam=partial(profiles.named, call.account),
        passed=partial(profiles.passed, call.account),
    )
    yield from requests_of(operation, parameters, place, tags_of(call.account, call.region), service)


def _of_a_session(call: EmulatedCall) -> Iterator[str]:
    if call.get("Tags.member.1.Key"):
        yield "sts:TagSession"
    if call.get("SourceIdentity"):
        yield "sts:SetSourceIdentity"
