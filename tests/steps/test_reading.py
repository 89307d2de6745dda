# SPDX-License-Identifier: Apache-2.0
"""Reading whole: every page, every value of a filter, and no longer than three seconds again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.parallel import Pool, ThreadPool
from functions.steps.reading import FILTER_VALUES, PAUSES_SECONDS, every, filtered, read_until
from hub.simulation.clock import SimulatedClock


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    made = ThreadPool()
    yield made
    made.close()


@given(pages=st.lists(st.lists(st.integers()), min_size=1, max_size=5))
def test_every_page_is_read(pages: list[list[int]]) -> None:
    def call(*, NextToken: str = "0", **parameters: Any) -> dict[str, Any]:
        assert parameters == {"Filters": []}
        number = int(NextToken)
        following = {"NextToken": str(number + 1)} if number + 1 < len(pages) else {}
        return {"Things": pages[number], **following}

    assert every(call, "Things", Filters=[]) == [each for page in pages for each in page]


@pytest.mark.parametrize("count", [0, 1, FILTER_VALUES, FILTER_VALUES + 1, 3 * FILTER_VALUES])
def test_no_filter_is_longer_than_ec2_takes(pool: Pool, count: int) -> None:
    values = [f"sg-{number}" for number in range(count)]
    other = {"Name": "key", "Values": ["a"]}
    sizes: list[int] = []

    def call(*, Filters: list[dict[str, Any]]) -> dict[str, Any]:
        mine, further = Filters
        assert (mine["Name"], further) == ("group-id", other)
        sizes.append(len(mine["Values"]))
        return {"Groups": [{"GroupId": value} for value in mine["Values"]]}

    assert [each["GroupId"] for each in filtered(pool, call, "Groups", "group-id", values, other)] == values
    assert max(sizes, default=0) <= FILTER_VALUES
    assert len(sizes) == -(-count // FILTER_VALUES)


@pytest.mark.parametrize("late", range(len(PAUSES_SECONDS) + 3))
def test_reading_again_ends(late: int) -> None:
    clock = SimulatedClock(datetime(2026, 3, 2, tzinfo=UTC))
    values = iter(range(100))
    value = read_until(clock, lambda: next(values), lambda seen: seen >= late)
    assert value == min(late, len(PAUSES_SECONDS))
    assert clock.monotonic() == sum(PAUSES_SECONDS[:late])
