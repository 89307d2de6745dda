# SPDX-License-Identifier: Apache-2.0
"""Release a host by invoking the release function: no other code puts anything back."""

from __future__ import annotations

import json
from typing import Any

from botocore.config import Config

from functions import names
from functions.aws import errors
from hub.organization.errors import OrganizationError, RefusedError
from hub.organization.hub_account import HubAccount, reaching

_LONGEST_SECONDS = 900
"""A Lambda function runs no longer than this."""
_UNDER_WAY = "The release may be running or incomplete: cordon incidents shows its state, and it can be repeated"


def release(hub: HubAccount, incident: str, *, by: str) -> dict[str, Any]:
    """Ask for the release of an incident's host and return what the function answers.

    One call and no repetition: a release that timed out may be under way, and can be asked for again. The answer has
    ``incident``, ``state``, ``reason`` and ``items``. Raises RefusedError with the function's words, OrganizationError.
    """
    function = names.function(hub.settings.qualifier, names.RELEASE)
    with reaching(f"function {function}", hub.settings):
        client = hub.caller.client(
            "lambda", config=Config(read_timeout=_LONGEST_SECONDS, retries={"total_max_attempts": 1})
        )
        payload = json.dumps({"incident": incident, "by": by}).encode()
        try:
            answer = client.invoke(FunctionName=function, Payload=payload)
        except errors.AwsError as error:
            if errors.ambiguous(error):
                raise OrganizationError(
                    f"function {function} did not answer: {errors.message(error)}. {_UNDER_WAY}"
                ) from error
            raise
        document: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise OrganizationError(f"function {function} failed: {document.get('errorMessage', document)}. {_UNDER_WAY}")
    if document["error"] is not None:
        raise RefusedError(document["error"])
    return document
