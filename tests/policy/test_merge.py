# SPDX-License-Identifier: Apache-2.0
"""What holds for any layers: order, absence, bounds."""

from __future__ import annotations

from functools import reduce
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from functions.policy.model import Mode
from hub.policy.bounds import Bound, bounds_of, contradictions
from hub.policy.effective import effective
from hub.policy.layers import built_in
from hub.policy.reader import parse
from hub.policy.tree import Branch, grow, merge

MODES = [mode.value for mode in Mode]
IDS = ["a", "b"]

modes = st.sampled_from(MODES)
ranges = st.fixed_dictionaries({}, optional={"min": modes, "max": modes})
rules = st.fixed_dictionaries(
    {},
    optional={
        "mode": modes,
        "match": st.fixed_dictionaries({}, optional={"types": st.lists(st.just("x"), max_size=2)}),
        "steps": st.fixed_dictionaries({}, optional={"snapshot": st.fixed_dictionaries({"enabled": st.booleans()})}),
    },
)
exceptions = st.fixed_dictionaries({"reason": st.just("r"), "until": st.just("2027-01-31")}, optional={"mode": modes})
layers = st.fixed_dictionaries(
    {},
    optional={
        "mode": modes,
        "rules": st.dictionaries(st.sampled_from(IDS), rules, max_size=2),
        "bounds": st.fixed_dictionaries(
            {}, optional={"mode": ranges, "rules": st.dictionaries(st.sampled_from(IDS), ranges, max_size=2)}
        ),
        "exceptions": st.dictionaries(st.sampled_from(IDS), exceptions, max_size=2),
    },
)
stacks = st.lists(layers, min_size=1, max_size=4)


def grown(stack: list[dict[str, Any]]) -> list[Branch]:
    documents = [
        parse(yaml.safe_dump(layer, sort_keys=False), f"{n}.yaml", f"{n}.yaml") for n, layer in enumerate(stack)
    ]
    return [grow(built_in(), 0), *(grow(document, depth) for depth, document in enumerate(documents, 1))]


def laid(stack: list[dict[str, Any]]) -> tuple[Branch, list[Bound]]:
    trees = grown(stack)
    return reduce(merge, trees), [bound for tree in trees for bound in bounds_of(tree)]


@given(stacks)
def test_a_strict_place_without_errors_is_inside_every_bound(stack: list[dict[str, Any]]) -> None:
    merged, bounds = laid(stack)
    found = effective(merged, bounds, strict=True)
    if found.errors:
        return
    for node in found.rules:
        assert not any(bound.is_broken_by(Mode(node["mode"])) for bound in bounds if bound.applies(node["id"]))


@given(stacks)
def test_a_lenient_place_is_inside_every_bound_that_can_be_met(stack: list[dict[str, Any]]) -> None:
    merged, bounds = laid(stack)
    found = effective(merged, bounds, strict=False)
    assert found.errors == []
    ceilings = [bound for bound in bounds if not bound.is_floor]
    for node in found.rules:
        held = ceilings if contradictions(bounds) else bounds
        assert not any(bound.is_broken_by(Mode(node["mode"])) for bound in held if bound.applies(node["id"]))


@given(stacks)
def test_strict_and_lenient_agree_where_nothing_is_wrong(stack: list[dict[str, Any]]) -> None:
    merged, bounds = laid(stack)
    strict = effective(merged, bounds, strict=True)
    if not strict.errors:
        lenient = effective(merged, bounds, strict=False)
        assert (strict.rules, strict.exceptions, strict.policy) == (lenient.rules, lenient.exceptions, lenient.policy)


@given(stacks)
def test_absence_removes_nothing_and_the_last_word_counts(stack: list[dict[str, Any]]) -> None:
    trees = grown(stack)
    merged = dict(reduce(merge, trees).leaves())
    said = [dict(tree.leaves()) for tree in trees]
    assert set(merged) == set().union(*said)
    for path, leaf in merged.items():
        assert leaf == next(each[path] for each in reversed(said) if path in each)


@given(stacks)
def test_merging_is_deterministic_associative_and_leaves_its_parts_alone(stack: list[dict[str, Any]]) -> None:
    trees = grown(stack)
    before = [tree.plain() for tree in trees]
    from_the_left = reduce(merge, trees)
    from_the_right = reduce(lambda above, below: merge(below, above), reversed(trees))
    assert from_the_left == from_the_right
    assert list(from_the_left.plain()) == list(from_the_right.plain())
    assert merge(from_the_left, Branch({}, from_the_left.place, 9)) == from_the_left
    assert [tree.plain() for tree in trees] == before
