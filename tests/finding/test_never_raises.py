# SPDX-License-Identifier: Apache-2.0
"""Whatever the JSON, reading it answers: extreme values in every place, size, and hypothesis' inventions."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.finding.model import Finding, Refusal
from functions.finding.parse import parse
from tests.finding.findings import INSTANCE, asff, envelope, finding_arn, instance_arn, native, ocsf


def _put(finding: dict[str, Any], path: tuple[str | int, ...], value: Any) -> None:
    holder: Any = finding
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value


def _nested(depth: int, *, of: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = of(value)
    return value


@pytest.mark.parametrize("made", [asff, ocsf, native])
@pytest.mark.parametrize(
    "value",
    [
        _nested(20_000, of=lambda value: [value]),
        _nested(20_000, of=lambda value: {"a": value}),
        10**5_000,
        -(10**5_000),
        math.nan,
        math.inf,
        "\ud800",
        "\udfff" * 1_000,
        "x" * 100_000,
        True,
        False,
        "",
        None,
    ],
    ids=lambda value: type(value).__name__,
)
def test_extreme_values_anywhere(made: Callable[[], dict[str, Any]], value: Any) -> None:
    for path in list(_paths(made())):
        finding = made()
        _put(finding, path, value)
        for found in parse(_envelope_of(made, finding)):
            assert isinstance(found, Finding | Refusal)
            assert isinstance(found, Finding) or found.reason.isascii()


def test_a_finding_of_240_kilobytes_is_read_fast() -> None:
    big = native()
    big["service"]["additionalInfo"] = {"entries": [{"name": f"n{n}", "value": "x" * 40} for n in range(3_600)]}
    assert 230_000 < len(json.dumps(big)) < 260_000
    event = envelope(big)
    parse(event)
    fastest = math.inf
    for _ in range(3):
        started = time.perf_counter()
        (found,) = parse(event)
        fastest = min(fastest, time.perf_counter() - started)
    assert isinstance(found, Finding)
    assert fastest < 0.05


BASES: dict[str, Callable[..., dict[str, Any]]] = {"asff": asff, "ocsf": ocsf, "native": native}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.sampled_from([INSTANCE, instance_arn(), finding_arn(), "i-99999999", "AwsEc2Instance", "FINDING", "true"])
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))


def _envelope_of(made: Callable[..., dict[str, Any]], finding: dict[str, Any]) -> dict[str, Any]:
    event = envelope(made())
    if made is native:
        return {**event, "detail": finding}
    event["detail"]["findings"] = [finding]
    return event


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield (*path, key)
        yield from _paths(entry, (*path, key))


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(JSON)
def test_any_json_gets_an_answer(event: Any) -> None:
    assert parse(event)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(sorted(BASES)), st.data())
def test_any_change_to_a_real_shape_gets_an_answer(name: str, data: st.DataObject) -> None:
    made = BASES[name]
    event = envelope(copy.deepcopy(made()))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(_paths(event))))
        _put(event, path, data.draw(JSON))
    answers = parse(event)
    assert answers
    for found in answers:
        if isinstance(found, Finding):
            # Whatever was changed: what is acted on is the finding's own.
            assert {(target.account, target.region) for target in found.targets} == {(found.account, found.region)}
            assert f":{found.region}:{found.account}:" in found.id
