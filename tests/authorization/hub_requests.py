# SPDX-License-Identifier: Apache-2.0
"""What IAM is asked for the calls that the hub's functions make in their own account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from functions import names
from hub.authorization.requests import AuthorizationRequest, UnknownOperationError
from tests.authorization.deployed import HUB, SETTINGS, Q
from tests.authorization.watched import HubCall

_PLACE = f"{SETTINGS.home_region}:{HUB}"
_TABLE = f"arn:aws:dynamodb:{_PLACE}:table/{names.table(Q)}"
_TRANSACTED = {
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Delete": "dynamodb:DeleteItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
}
_WRITES = ("DeleteItem", "GetItem", "PutItem", "UpdateItem")


def hub_requests(call: HubCall) -> tuple[AuthorizationRequest, ...]:
    """Return the questions of one call; raise UnknownOperationError for one that isn't known."""
    made = {"dynamodb": _dynamodb, "organizations": _organizations, "s3": _s3, "sns": _sns}.get(call.service)
    found = tuple(made(call)) if made else ()
    if not found:
        raise UnknownOperationError(call.operation, f"not a call of the hub's to {call.service} that is known")
    return found


def _dynamodb(call: HubCall) -> Iterator[AuthorizationRequest]:
    """Transactions are authorised as the writes that they hold (DynamoDB's guide, IAM and transactions)."""
    parameters = call.parameters
    if call.operation == "TransactWriteItems":
        for item in parameters["TransactItems"]:
            for kind, write in item.items():
                yield AuthorizationRequest(_TRANSACTED[kind], _TABLE, _leading(write))
    elif call.operation in _WRITES:
        yield AuthorizationRequest(f"dynamodb:{call.operation}", _TABLE, _leading(parameters))
    elif call.operation in ("BatchGetItem", "Query"):
        yield AuthorizationRequest(f"dynamodb:{call.operation}", _TABLE, {})


def _leading(write: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    return {"dynamodb:LeadingKeys": (write.get("Item", write.get("Key"))["pk"]["S"],)}


def _s3(call: HubCall) -> Iterator[AuthorizationRequest]:
    bucket = names.policy_bucket if "-policy-" in call.parameters["Bucket"] else names.evidence_bucket
    arn = f"arn:aws:s3:::{bucket(Q, HUB, SETTINGS.home_region)}/{call.parameters['Key']}"
    if call.operation in ("GetObject", "PutObject"):
        yield AuthorizationRequest(f"s3:{call.operation}", arn, {})


def _sns(call: HubCall) -> Iterator[AuthorizationRequest]:
    if call.operation == "Publish":
        yield AuthorizationRequest("sns:Publish", f"arn:aws:sns:{_PLACE}:{names.topic(Q)}", {})


def _organizations(call: HubCall) -> Iterator[AuthorizationRequest]:
    place = f"arn:aws:organizations::{SETTINGS.management}"
    named = next(iter(call.parameters.values()))
    if call.operation in ("DescribeAccount", "DescribeOrganizationalUnit", "ListParents"):
        kind = "ou" if named.startswith("ou-") else "account"
        yield AuthorizationRequest(
            f"organizations:{call.operation}", f"{place}:{kind}/{SETTINGS.organization}/{named}", {}
        )
