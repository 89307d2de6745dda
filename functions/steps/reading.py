# SPDX-License-Identifier: Apache-2.0
"""Reading EC2 whole: every page, no filter longer than EC2 takes, and again while a write doesn't show yet.

EC2 pages a Describe call only where MaxResults is given, which is never done here, or where there is too much for one
answer (1,000 interfaces, rules or tags). So one call is the rule, and a token that comes all the same is followed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from functions.aws.retry import repeat
from functions.clock import Clock
from functions.parallel import Pool

T = TypeVar("T")

FILTER_VALUES = 200
"""Values that a filter may have (EC2's API reference, Filter)."""

PAUSES_SECONDS = (0.5, 1.0, 1.5)
"""Between reading back and reading back again: EC2's reads lag behind its writes, by a second or two as a rule."""


def every(call: Callable[..., Any], key: str, **parameters: Any) -> list[dict[str, Any]]:
    """Return what all pages of a Describe call hold under ``key``; raise what the call raises."""
    found: list[dict[str, Any]] = []
    next_page: dict[str, str] = {}
    while True:
        answer = call(**parameters, **next_page)
        found.extend(answer.get(key, []))
        if not answer.get("NextToken"):
            return found
        next_page = {"NextToken": answer["NextToken"]}


def filtered(
    pool: Pool, call: Callable[..., Any], key: str, name: str, values: Sequence[str], *others: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return what there is of these values of one filter, in as many calls at once as the values need.

    As a filter, because an id that is gone is then absent from the answer instead of failing the call. ``others``
    are further filters that all calls have.
    """
    chunks = [list(values[at : at + FILTER_VALUES]) for at in range(0, len(values), FILTER_VALUES)]
    calls = [partial(every, call, key, Filters=[{"Name": name, "Values": chunk}, *others]) for chunk in chunks]
    return [each for found in pool.all(calls) for each in found]


def read_until(clock: Clock, read: Callable[[], T], so: Callable[[T], bool]) -> T:
    """Return what ``read`` returns, read again over three seconds while it isn't ``so``; raise what it raises."""
    return repeat(read, while_=lambda value: not so(value), pauses=PAUSES_SECONDS, clock=clock)
