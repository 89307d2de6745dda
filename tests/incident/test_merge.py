# SPDX-License-Identifier: Apache-2.0
"""Two records of one thing: nothing is lost, and in a conflict the first or the latest counts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.merge import keep_first, take_latest

# the first, the later one, what stays where the first counts, and where the latest counts
TABLE: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "keys of both": ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}, {"a": 1, "b": 2}),
    "a value": ({"a": 1}, {"a": 2}, {"a": 1}, {"a": 2}),
    "none says nothing": ({"a": 1}, {"a": None}, {"a": 1}, {"a": 1}),
    "none alone": ({}, {"a": None}, {"a": None}, {"a": None}),
    "false is a value": ({"a": True}, {"a": False}, {"a": True}, {"a": False}),
    "lists": ({"a": [2, 1]}, {"a": [3, 2]}, {"a": [2, 1, 3]}, {"a": [2, 1, 3]}),
    "maps": ({"a": {"x": 1}}, {"a": {"x": 2, "y": 3}}, {"a": {"x": 1, "y": 3}}, {"a": {"x": 2, "y": 3}}),
    "what is inside is one fact": (
        {"a": {"x": ["g1"], "y": {"k": 1}}},
        {"a": {"x": ["g2"], "y": {"l": 2}}},
        {"a": {"x": ["g1"], "y": {"k": 1}}},
        {"a": {"x": ["g2"], "y": {"l": 2}}},
    ),
    "of two kinds": ({"a": [1]}, {"a": {"x": 1}}, {"a": [1]}, {"a": {"x": 1}}),
}


@pytest.mark.parametrize("case", TABLE)
def test_merge(case: str) -> None:
    first, later, kept, latest = TABLE[case]
    assert keep_first(first, later) == kept
    assert take_latest(first, later) == latest


VALUES = st.one_of(
    st.none(),
    st.integers(0, 3),
    st.lists(st.integers(0, 3), unique=True),
    st.dictionaries(st.sampled_from("xy"), st.integers(0, 3)),
)
RECORDS = st.dictionaries(st.sampled_from("abc"), VALUES)


@given(first=RECORDS, later=RECORDS)
def test_no_key_is_lost_and_the_same_again_changes_nothing(first: dict[str, Any], later: dict[str, Any]) -> None:
    for merge in (keep_first, take_latest):
        merged = merge(first, later)
        assert merged.keys() == first.keys() | later.keys()
        assert merge(merged, later) == merged
        assert merge(first, {}) == first
        assert merge({}, later) == later
