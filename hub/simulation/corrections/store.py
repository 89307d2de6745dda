# SPDX-License-Identifier: Apache-2.0
"""DynamoDB: a transaction that is sent again with the same token takes effect once."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from functions.clock import Clock
from hub.simulation.patches import Patches

_REMEMBERED = timedelta(minutes=10)


def correct(patches: Patches, clock: Clock) -> None:
    """Replace TransactWriteItems, of which moto ignores the ClientRequestToken."""
    from moto.dynamodb.exceptions import DynamodbException
    from moto.dynamodb.responses import DynamoHandler

    done: dict[tuple[str, str, str], tuple[str, datetime, Any]] = {}
    original = DynamoHandler.transact_write_items

    def transact(response: Any) -> Any:
        token = response.body.get("ClientRequestToken")
        key = (response.current_account, response.region, str(token))
        items = json.dumps(response.body["TransactItems"], sort_keys=True)
        if token is not None and key in done:
            items_then, at, answer = done[key]
            if clock.now() - at < _REMEMBERED:
                if items_then != items:
                    raise DynamodbException(
                        "IdempotentParameterMismatchException",
                        "The request uses the same client token as a previous, but non-identical request.",
                    )
                return answer
        answer = original(response)
        if token is not None:
            done[key] = (items, clock.now(), answer)
        return answer

    patches.replace(DynamoHandler, "transact_write_items", transact)
