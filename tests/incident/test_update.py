# SPDX-License-Identifier: Apache-2.0
"""An update's expression, made from what it sets."""

from __future__ import annotations

from typing import Any

import pytest

from functions.incident.items import Name, update_of


def test_every_clause() -> None:
    values: dict[Name, Any] = {"state": "contained", ("unseen", "a-b"): "text", "left out": None}
    update = update_of(
        values,
        if_absent={"opened_at": "now"},
        add={"arrivals": 1},
        remove=("token",),
        condition="#token = :mine AND (attribute_not_exists(#schema) OR #schema <= :known)",
        given={"mine": "t", "known": 1},
    )
    assert update == {
        "UpdateExpression": "SET #state = :state, #unseen.#unseen_key = :unseen, "
        "#opened_at = if_not_exists(#opened_at, :opened_at) REMOVE #token ADD #arrivals :arrivals",
        "ConditionExpression": "#token = :mine AND (attribute_not_exists(#schema) OR #schema <= :known)",
        "ExpressionAttributeNames": {
            "#state": "state",
            "#unseen": "unseen",
            "#unseen_key": "a-b",
            "#opened_at": "opened_at",
            "#token": "token",
            "#arrivals": "arrivals",
            "#schema": "schema",
        },
        "ExpressionAttributeValues": {
            ":state": {"S": "contained"},
            ":unseen": {"S": "text"},
            ":opened_at": {"S": "now"},
            ":arrivals": {"N": "1"},
            ":mine": {"S": "t"},
            ":known": {"N": "1"},
        },
    }


def test_what_is_empty_is_left_out() -> None:
    assert update_of({}, remove=("token",)) == {
        "UpdateExpression": "REMOVE #token",
        "ExpressionAttributeNames": {"#token": "token"},
    }


@pytest.mark.parametrize("given", [{"state": "x"}, {"arrivals": 2}])
def test_one_value_can_not_stand_for_two(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="stands for two values"):
        update_of({"state": "y"}, add={"arrivals": 1}, given=given)
