# SPDX-License-Identifier: Apache-2.0
"""Writes that met somebody else's transaction: repeated here, since the SDK repeats none of them.

DynamoDB cancels a transaction that touches an item in use (TransactionCanceledException, reason TransactionConflict)
and refuses a single write of such an item (TransactionConflictException). Every containment counts in the one item of
the organisation's usage, so hosts that are contained at the same time meet there. The SDK's standard retries know
neither of the two, and give up after a second or so of TransactionInProgressException.

Nothing was written by a call that is repeated here, or its token tells DynamoDB that it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from functions.aws import errors
from functions.aws.clients import AwsClient
from functions.aws.retry import doubling, jittered, repeat_on_error
from functions.incident.items import from_item
from functions.incident.schema import refuse_newer
from functions.runtime import Runtime

T = TypeVar("T")

ATTEMPTS = 10
"""With the pauses below 5.6 s at the most and half of that as a rule: giving the message back costs minutes."""

_FIRST_PAUSE_SECONDS = 0.05  # about what a transaction takes
_LONGEST_PAUSE_SECONDS = 1.0
CONDITION_FAILED = "ConditionalCheckFailedException"
_CANCELLED = "TransactionCanceledException"
_CONFLICTS = frozenset({"TransactionConflictException", "TransactionInProgressException"})
_PASSING = frozenset(
    {"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict", "TransactionInProgress"}
)
_NOTHING = "None"  # DynamoDB's word for an item that had no part in the cancellation


def writing(call: Callable[[], T], runtime: Runtime) -> T:
    """Return what ``call`` returns, making it again while others hold one of its items.

    The pauses grow, and each is a random part of its length, so that those who met once don't meet again. Raises what
    ``call`` raised last.
    """
    pauses = jittered(doubling(_FIRST_PAUSE_SECONDS, ATTEMPTS - 1, _LONGEST_PAUSE_SECONDS), runtime.random)
    return repeat_on_error(call, while_=in_use, pauses=pauses, clock=runtime.clock)


def transact(dynamodb: AwsClient, writes: list[dict[str, Any]], runtime: Runtime) -> None:
    """Write all or nothing; raise what TransactWriteItems raises.

    Every repetition is the same request under the same token. DynamoDB remembers the token of a transaction that
    succeeded, not of one that it cancelled: so a time-out that took effect is answered as done, and a cancelled one is
    tried anew. The SDK would make up another token for each call.
    """
    token = runtime.uuid()
    writing(lambda: dynamodb.transact_write_items(TransactItems=writes, ClientRequestToken=token), runtime)


def cancellation(error: Exception) -> list[dict[str, Any]]:
    """Return why DynamoDB cancelled a transaction, one reason for each item in order; empty for any other error."""
    if not isinstance(error, ClientError) or errors.code(error) != _CANCELLED:
        return []
    reasons: Any = error.response.get("CancellationReasons", [])
    return list(reasons)


def failed_items(error: Exception) -> list[dict[str, Any]]:
    """Return the plain values of the items on which a condition failed, of a single write or of a transaction.

    Only of writes that ask for them (ReturnValuesOnConditionCheckFailure).
    """
    if not isinstance(error, ClientError):
        return []
    answer: Any = error.response
    single = [answer] if errors.code(error) == CONDITION_FAILED else []
    return [from_item(reason["Item"]) for reason in (*single, *cancellation(error)) if reason.get("Item")]


def refuse_where_newer(error: Exception) -> None:
    """Raise NewerSchemaError where a write was refused because a newer version of Cordon wrote the item."""
    for item in failed_items(error):
        refuse_newer(item)


def in_use(error: Exception) -> bool:
    """Tell whether the same write may succeed in a moment because only somebody else's stood in its way.

    A condition that failed beside a conflict is an answer: it is not asked again.
    """
    codes = {str(reason.get("Code", _NOTHING)) for reason in cancellation(error)} - {_NOTHING}
    return errors.code(error) in _CONFLICTS or (bool(codes) and codes <= _PASSING)
