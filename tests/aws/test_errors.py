# SPDX-License-Identifier: Apache-2.0
"""What each AWS error means for what to do next."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from functions.aws import errors


def client_error(code: str, status: int, message: str = "no") -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "CreateTags")


URL = "https://ec2.eu-west-1.amazonaws.com"
FINAL, THROTTLED, AMBIGUOUS, UNREACHED, DENIED, LATE = "final", "throttled", "ambiguous", "unreached", "denied", "late"
TABLE: list[tuple[BaseException, str, str]] = [
    (client_error("RequestLimitExceeded", 503), "RequestLimitExceeded", THROTTLED),
    (client_error("ThrottlingException", 400), "ThrottlingException", THROTTLED),
    (client_error("SlowDown", 503), "SlowDown", THROTTLED),
    (client_error("SnapshotCreationPerVolumeRateExceeded", 400), "SnapshotCreationPerVolumeRateExceeded", THROTTLED),
    (client_error("ConcurrentSnapshotLimitExceeded", 400), "ConcurrentSnapshotLimitExceeded", THROTTLED),
    (client_error("PendingSnapshotLimitExceeded", 400), "PendingSnapshotLimitExceeded", THROTTLED),
    (client_error("SnapshotLimitExceeded", 400), "SnapshotLimitExceeded", FINAL),
    (client_error("ProvisionedThroughputExceededException", 400), "ProvisionedThroughputExceededException", THROTTLED),
    (client_error("InternalError", 500), "InternalError", AMBIGUOUS),
    (client_error("Unavailable", 503), "Unavailable", AMBIGUOUS),
    (ReadTimeoutError(endpoint_url=URL), "timeout", AMBIGUOUS),
    (ConnectTimeoutError(endpoint_url=URL), "ConnectTimeoutError", UNREACHED),
    (EndpointConnectionError(endpoint_url=URL), "EndpointConnectionError", UNREACHED),
    (ConnectionClosedError(endpoint_url=URL), "timeout", AMBIGUOUS),
    (client_error("UnauthorizedOperation", 403), "UnauthorizedOperation", DENIED),
    (client_error("AccessDenied", 403), "AccessDenied", DENIED),
    (client_error("AccessDeniedException", 400), "AccessDeniedException", DENIED),
    (client_error("InvalidGroup.NotFound", 400), "InvalidGroup.NotFound", FINAL),
    (client_error("IncorrectInstanceState", 400), "IncorrectInstanceState", FINAL),
    (NoCredentialsError(), "NoCredentialsError", FINAL),
    (ParamValidationError(report="a"), "ParamValidationError", FINAL),
    (KeyError("a"), "KeyError", FINAL),
    (TimeoutError("no answer within 5 s"), "timeout", LATE),
]


@pytest.mark.parametrize(("error", "code", "meaning"), TABLE, ids=[f"{code}-{meaning}" for _, code, meaning in TABLE])
def test_meaning(error: BaseException, code: str, meaning: str) -> None:
    assert errors.code(error) == code
    assert errors.throttled(error) == (meaning == THROTTLED)
    assert errors.ambiguous(error) == (meaning == AMBIGUOUS)
    assert errors.unreached(error) == (meaning == UNREACHED)
    assert errors.transient(error) == (meaning in {THROTTLED, AMBIGUOUS, UNREACHED, LATE})


def test_every_code_that_the_sdk_calls_throttling_is_transient() -> None:
    for code in ThrottledRetryableChecker._THROTTLED_ERROR_CODES:
        assert errors.transient(client_error(code, 400)), code


def test_every_status_that_the_sdk_repeats_is_ambiguous() -> None:
    for status in TransientRetryableChecker._TRANSIENT_STATUS_CODES:
        assert errors.ambiguous(client_error("Whatever", status)), status


def test_a_message_names_the_call_the_code_and_what_was_said() -> None:
    assert errors.message(client_error("A", 400, "what was said")) == "CreateTags: A: what was said"
    assert errors.message(client_error("A", 400, "")) == "CreateTags: A: no message"
    assert errors.message(NoCredentialsError()) == "Unable to locate credentials"
    assert errors.message(ValueError()) == "ValueError"


@pytest.mark.parametrize("response", [{}, {"Error": {}}])
def test_an_answer_without_an_error_is_unknown_and_final(response: Any) -> None:
    error = ClientError(response, "CreateTags")
    assert errors.code(error) == "Unknown"
    assert not errors.transient(error)
