# SPDX-License-Identifier: Apache-2.0
"""What an AWS error means for what to do next.

Transient: repeat later, the same call may succeed. Ambiguous: the call may have taken effect. Unreached: it never got
to AWS. Everything else is final: a person has to change something.
"""

from __future__ import annotations

from collections.abc import Iterable

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as UnreachedError

AwsError = (ClientError, BotoCoreError)
"""What a call to AWS may raise. Used in ``except`` clauses around single calls."""

_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "ConcurrentModification",
        "ConcurrentSnapshotLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PendingSnapshotLimitExceeded",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "SnapshotCreationPerVolumeRateExceeded",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)  # botocore.retries.standard.ThrottledRetryableChecker, what EC2 says while earlier snapshots are under way, and IAM
# while somebody else changes the same role (IAM API reference, TagRole)
_SERVER_ERROR = 500
_MESSAGE_LIMIT = 500


def code(error: BaseException) -> str:
    """Return AWS's error code, or ``timeout`` for a call whose answer never came, or the exception's name."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    if isinstance(error, (HTTPClientError, TimeoutError)):
        return "timeout"
    return type(error).__name__


def message(error: BaseException) -> str:
    """Return a sentence about the error for a person, cut where AWS encodes an essay into it."""
    if isinstance(error, ClientError):
        text = str(error.response.get("Error", {}).get("Message", "")) or "no message"
        return f"{error.operation_name}: {code(error)}: {text}"[:_MESSAGE_LIMIT]
    if isinstance(error, (BotoCoreError, TimeoutError)):
        return str(error)[:_MESSAGE_LIMIT]
    name, text = type(error).__name__, str(error)
    return f"{name}: {text}"[:_MESSAGE_LIMIT] if text else name


def throttled(error: BaseException) -> bool:
    """Tell whether AWS refused for now, without effect."""
    return isinstance(error, ClientError) and code(error) in _THROTTLED


def ambiguous(error: BaseException) -> bool:
    """Tell whether the call may have taken effect although it failed."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= _SERVER_ERROR and not throttled(error)
    return isinstance(error, HTTPClientError)


def unreached(error: BaseException) -> bool:
    """Tell whether no connection came about, so that the call has no effect."""
    return isinstance(error, UnreachedError)


def transient(error: BaseException) -> bool:
    """Tell whether the same call may succeed later."""
    return throttled(error) or ambiguous(error) or unreached(error) or isinstance(error, TimeoutError)


def raise_transient(found: Iterable[BaseException | None]) -> None:
    """Raise the first of these errors that may pass: what is written once waits for what can still be read."""
    for error in found:
        if error is not None and transient(error):
            raise error
