# SPDX-License-Identifier: Apache-2.0
"""Ids sort by time and fit where STS takes them."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta

import botocore.session
from hypothesis import given
from hypothesis import strategies as st

from functions.incident.ids import new_incident
from functions.runtime import Runtime

RANDOM = Runtime.of_machine().random
PATTERN = re.compile(r"inc-[0-9a-z]{9}-[0-9a-z]{8}")

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 — hypothesis adds the zone


@functools.cache
def _sts_patterns() -> dict[str, re.Pattern[str]]:
    members = botocore.session.Session().get_service_model("sts").operation_model("AssumeRole").input_shape.members
    assert members["RoleSessionName"].metadata["max"] >= 40
    # botocore keeps no patterns; this is the one that the API reference gives for both.
    return dict.fromkeys(("RoleSessionName", "SourceIdentity"), re.compile(r"[\w+=,.@-]{2,64}", re.ASCII))


@given(moment=MOMENTS)
def test_an_id_fits_its_pattern_and_those_of_sts(moment: datetime) -> None:
    made = new_incident(moment, RANDOM)
    assert PATTERN.fullmatch(made)
    assert re.fullmatch(r"[a-z0-9-]+", made)
    for pattern in _sts_patterns().values():
        assert pattern.fullmatch(made)


@given(moment=MOMENTS, later=st.integers(1, 10**11))
def test_later_ids_sort_later(moment: datetime, later: int) -> None:
    assert new_incident(moment, RANDOM) < new_incident(moment + timedelta(milliseconds=later), RANDOM)


def test_ids_of_one_moment_differ() -> None:
    moment = datetime(2026, 3, 2, tzinfo=UTC)
    assert len({new_incident(moment, RANDOM) for _ in range(1000)}) == 1000
    made = Runtime.of_machine()
    assert len({made.token() for _ in range(1000)}) == 1000
    assert len({made.uuid() for _ in range(1000)}) == 1000
