# SPDX-License-Identifier: Apache-2.0
"""Writes that meet somebody else's transaction: which are made again, for how long, and under which token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from functions.incident.conflict import ATTEMPTS, cancellation, in_use, transact, writing
from functions.runtime import Runtime
from tests.scenario import NOW, runtime


def refused(code: str, *reasons: str) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    if reasons:
        response["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(response, "TransactWriteItems")


CANCELLED = "TransactionCanceledException"
PASSES = {
    "a single write in a transaction's way": refused("TransactionConflictException"),
    "the same transaction is still under way": refused("TransactionInProgressException"),
    "one item in conflict": refused(CANCELLED, "None", "TransactionConflict", "None"),
    "every item in conflict": refused(CANCELLED, "TransactionConflict", "TransactionConflict"),
    "one throttled": refused(CANCELLED, "None", "ThrottlingError"),
    "no throughput": refused(CANCELLED, "ProvisionedThroughputExceeded"),
    "throttled and in conflict": refused(CANCELLED, "ThrottlingError", "TransactionConflict", "None"),
    "in progress": refused(CANCELLED, "TransactionInProgress"),
}
STAYS = {
    "a condition": refused("ConditionalCheckFailedException"),
    "a condition in a transaction": refused(CANCELLED, "None", "ConditionalCheckFailed"),
    "a condition beside a conflict": refused(CANCELLED, "TransactionConflict", "ConditionalCheckFailed"),
    "a mistake of ours": refused(CANCELLED, "ValidationError", "TransactionConflict"),
    "an item too large": refused(CANCELLED, "ItemCollectionSizeLimitExceeded"),
    "cancelled for no reason": refused(CANCELLED),
    "cancelled, and no item has a part in it": refused(CANCELLED, "None", "None"),
    "the token of another request": refused("IdempotentParameterMismatchException"),
    "denied": refused("AccessDeniedException"),
}


class Busy:
    """A client whose table is in use for so many calls."""

    def __init__(self, errors: list[Exception]) -> None:
        self.errors = errors
        self.asked: list[dict[str, Any]] = []

    def transact_write_items(self, **request: Any) -> str:
        self.asked.append(request)
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def clock(seed: int = 0) -> Runtime:
    return runtime(seed)


@pytest.mark.parametrize("case", PASSES)
def test_what_passes_is_written_again(case: str) -> None:
    assert in_use(PASSES[case])
    table, time = Busy([PASSES[case]] * 3), clock()
    assert writing(table.transact_write_items, time) == "done"
    assert len(table.asked) == 4
    assert time.clock.now() > NOW


@pytest.mark.parametrize("case", STAYS)
def test_what_is_an_answer_is_raised_at_once(case: str) -> None:
    assert not in_use(STAYS[case])
    table, time = Busy([STAYS[case]]), clock()
    with pytest.raises(ClientError) as caught:
        writing(table.transact_write_items, time)
    assert caught.value is STAYS[case]
    assert len(table.asked) == 1
    assert time.clock.now() == NOW


def test_a_time_out_is_not_written_again() -> None:
    """The SDK did that already, and a conflict it is not."""
    table = Busy([ReadTimeoutError(endpoint_url="https://example.com")])
    with pytest.raises(ReadTimeoutError):
        writing(table.transact_write_items, clock())
    assert len(table.asked) == 1


def test_it_ends() -> None:
    table, time = Busy([PASSES["one item in conflict"]] * 100), clock()
    with pytest.raises(ClientError, match=CANCELLED):
        writing(table.transact_write_items, time)
    assert len(table.asked) == ATTEMPTS
    assert time.clock.now() - NOW < timedelta(seconds=6)


def test_those_who_met_once_part() -> None:
    times = [clock(seed) for seed in range(20)]
    for time in times:
        writing(Busy([PASSES["one item in conflict"]]).transact_write_items, time)
    assert len({time.clock.now() for time in times}) > 1


def test_a_transaction_is_the_same_request_under_the_same_token_and_another_has_another() -> None:
    one, two = Busy([PASSES["one item in conflict"], PASSES["in progress"]]), Busy([])
    writes = [{"Put": {"TableName": "t", "Item": {"pk": {"S": "a"}}}}]
    transact(one, writes, clock())
    transact(two, writes, clock(1))
    assert one.asked == [one.asked[0]] * 3
    assert one.asked[0]["TransactItems"] == writes
    tokens = {request["ClientRequestToken"] for request in (*one.asked, *two.asked)}
    assert len(tokens) == 2
    assert all(0 < len(token) <= 36 for token in tokens)  # the service model's limits


REASONS = st.lists(
    st.sampled_from(["None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ValidationError"])
)


@given(reasons=REASONS)
def test_a_failed_condition_is_never_asked_again(reasons: list[str]) -> None:
    error = refused(CANCELLED, *reasons)
    assert [reason["Code"] for reason in cancellation(error)] == reasons
    assert in_use(error) == (set(reasons) - {"None"} in ({"TransactionConflict"}, {"ThrottlingError"}, {*BOTH}))


BOTH = ("TransactionConflict", "ThrottlingError")
