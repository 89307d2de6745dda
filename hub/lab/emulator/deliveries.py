# SPDX-License-Identifier: Apache-2.0
"""EventBridge's deliveries as AWS makes them: only where the queue's policy allows the rule, and to other Regions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from hub.simulation.patches import Patches

_RULE: ContextVar[Mapping[str, Any] | None] = ContextVar("lab_rule", default=None)
_logger = logging.getLogger("lab")


def correct(patches: Patches) -> None:
    """Ask the queue's policy, and the role of the rule where the target is a bus elsewhere."""
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_account_id, request_scope
    from ministack.services import eventbridge, sqs

    invoke: Callable[..., None] = eventbridge._invoke_target
    to_queue: Callable[..., None] = eventbridge._dispatch_to_sqs

    def invoke_target(target: Any, event: Any, rule: Any, view: Any = None) -> None:
        token = _RULE.set({"Arn": rule.get("Arn", ""), "RoleArn": target.get("RoleArn") or rule.get("RoleArn")})
        try:
            invoke(target, event, rule, view)
        finally:
            _RULE.reset(token)

    def dispatch_to_sqs(spec: Any, payload: Any, parameters: Any = None) -> None:
        rule = _RULE.get() or {}
        iam_evaluator.pin_request_origin("127.0.0.1", secure_transport=True)  # the delivery is a call of its own
        if not sqs.queue_policy_allows(str(spec), "events.amazonaws.com", rule.get("Arn", ""), get_account_id()):
            _logger.warning("EventBridge: the policy of %s doesn't allow %s to send", spec, rule.get("Arn"))
            return
        to_queue(spec, payload, parameters)

    def dispatch_to_event_bus(spec: Any, event: Any, rule: Any, event_path: Any, payload: Any = None) -> None:
        """Forward an event as it is, its account and Region included; the target's input isn't used for a bus."""
        del payload
        role = (_RULE.get() or {}).get("RoleArn")
        if not _may_put(role, str(spec), spec.region):
            _logger.warning("EventBridge: the role %s may not put events on %s", role, spec)
            return
        key = eventbridge._rule_key(rule.get("Name"), rule.get("EventBusName", "default"))
        forwarded = {**event, "EventBusName": spec.resource.partition("/")[2], "_DispatchPath": [*event_path, key]}
        with request_scope(spec.account_id, spec.region):
            eventbridge._dispatch_event(forwarded)

    patches.replace(eventbridge, "_invoke_target", invoke_target)
    patches.replace(eventbridge, "_dispatch_to_sqs", dispatch_to_sqs)
    patches.replace(eventbridge, "_dispatch_to_event_bus", dispatch_to_event_bus)


def _may_put(role_arn: str | None, bus: str, region: str) -> bool:
    """Tell whether a rule's role may put events on a bus."""
    from ministack.core import iam_evaluator

    if role_arn is None:
        return False
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{name}/events",
        principal_type="AssumedRole",
        principal_account=account,
        action="events:PutEvents",
        resource_arn=bus,
        region=region,
    )
    policies = iam_evaluator._gather_role_policies(name, account)
    return bool(iam_evaluator.evaluate(context, policies).decision == "Allow")
