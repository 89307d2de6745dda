# SPDX-License-Identifier: Apache-2.0
"""Answers in the form in which AWS sends them: errors of every protocol, and the output of fakes.

An answer is a triple of HTTP status, headers and body.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

Answer = tuple[int, dict[str, str], bytes]

REQUEST_ID = "00000000-0000-4000-8000-000000000000"

_STATUS = {
    "AccessDenied": 403,
    "AccessDeniedException": 400,
    "AuthFailure": 403,
    "UnauthorizedOperation": 403,
    "ExpiredToken": 403,
    "InvalidClientTokenId": 403,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "InternalServiceError": 500,
    "RequestLimitExceeded": 503,
    "RequestThrottled": 503,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
    "Unavailable": 503,
}
"""HTTP status by error code, where it is not 400; the other throttling codes come with 400."""


class ApiError(Exception):
    """AWS says no. ``code`` is what the caller sees in ``Error.Code``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@cache
def service_model(service: str) -> Any:
    """Return botocore's model of a service (in moto's own subclass, which its serializers want), loaded once."""
    from moto.core.utils import get_service_model

    return get_service_model(service)


def error_answer(service: str, code: str, message: str, members: Mapping[str, Any] | None = None) -> Answer:
    """Return an error as that service's own protocol has it; ``members``: further members of a JSON error."""
    model = service_model(service)
    status = _status(model, code)
    protocol = model.protocol
    headers = {"x-amzn-requestid": REQUEST_ID}
    if protocol in ("ec2", "query", "rest-xml"):
        headers["content-type"] = "text/xml"
        return status, headers, _xml_error(protocol, code, message, status).encode()
    headers["content-type"] = "application/x-amz-json-1.0"
    headers["x-amzn-errortype"] = code
    document = {"__type": code, "message": message, "Message": message, **(members or {})}
    return status, headers, json.dumps(document).encode()


def _status(model: Any, code: str) -> int:
    if code in _STATUS:
        return _STATUS[code]
    # EC2 models no errors, and looking through its thousands of shapes is slow.
    for shape in () if model.protocol == "ec2" else model.error_shapes:
        if shape.metadata.get("error", {}).get("code", shape.name) == code:
            return int(shape.metadata.get("error", {}).get("httpStatusCode", 400))
    return 400


def _xml_error(protocol: str, code: str, message: str, status: int) -> str:
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if protocol == "ec2":
        return f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{REQUEST_ID}</RequestID></Response>"
    if protocol == "rest-xml":
        return f"<Error>{inner}<RequestId>{REQUEST_ID}</RequestId></Error>"
    party = "Receiver" if status >= 500 else "Sender"  # noqa: PLR2004 - HTTP's own border
    return (
        f"<ErrorResponse><Error><Type>{party}</Type>{inner}</Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    )


def output_answer(service: str, operation: str, output: Mapping[str, Any]) -> Answer:
    """Return the output of a fake (shaped as boto3 would hand it to the caller) as it would come over the wire."""
    from moto.core.serialize import get_serializer_class

    model = service_model(service)
    operation_model = model.operation_model(operation)
    serializer = get_serializer_class(service, model.protocol)(operation_model=operation_model)
    answer = serializer.serialize(dict(output))
    body = answer["body"]
    return (
        int(answer["status_code"]),
        {str(key): str(value) for key, value in answer["headers"].items()},
        body if isinstance(body, bytes) else str(body).encode(),
    )
