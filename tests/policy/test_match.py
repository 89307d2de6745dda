# SPDX-License-Identifier: Apache-2.0
"""Which rules match."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding.model import Label, Severity
from functions.policy.match import fits, matching, reads_tags, where
from functions.policy.model import Mode
from tests.policy.made import SSH, TOR, finding, rule


@pytest.mark.parametrize(
    ("types", "exact"),
    [
        ((TOR,), True),
        (("UnauthorizedAccess:EC2/Tor*", TOR), True),
        (("UnauthorizedAccess:EC2/Tor*",), False),
        (("*",), False),
        (("*:EC2/*Client",), False),
        ((TOR + "*",), False),
    ],
)
def test_matches(types: tuple[str, ...], exact: bool) -> None:
    matched, problems = matching(finding(), [rule(Mode.ENFORCE, *types)])
    assert [each.exact for each in matched] == [exact]
    assert problems == ()


@pytest.mark.parametrize(
    "other",
    [
        rule(Mode.ENFORCE, SSH),
        rule(Mode.ENFORCE, "unauthorizedaccess:ec2/*"),
        rule(Mode.ENFORCE, "*TorClient*x"),
        rule(severity=Label.CRITICAL),
        rule(where="Region == 'us-east-1'"),
        rule(where="Resources[?Tags.team == 'blue']"),
    ],
)
def test_does_not_match(other: Any) -> None:
    assert matching(finding(), [other]) == ((), ())


def test_any_of_several_types_and_any_severity_above() -> None:
    many = finding(types=(SSH, TOR), severity=Severity(Label.CRITICAL))
    assert [each.rule.id for each in matching(many, [rule(severity=Label.HIGH)])[0]] == ["tor"]


@pytest.mark.parametrize(
    "expression", ["contains(Nothing, 'x')", "max_by(Resources, &Tags)", "nope(@)", "a b", "(" * 5000]
)
def test_a_failing_where_is_no_match_and_is_told(expression: str) -> None:
    matched, (problem,) = matching(finding(), [rule(where=expression)])
    assert matched == ()
    assert problem.startswith("rule 'tor' counts as not matching: its where failed (")
    assert len(problem) < 300


@pytest.mark.parametrize(
    ("expression", "holds"),
    [("`0`", True), ("`[]`", False), ("`{}`", False), ("''", False), ("Nothing", False), ("Region", True)],
)
def test_truth_is_that_of_jmespath(expression: str, holds: bool) -> None:
    assert where(expression, finding().document).applies is holds


@pytest.mark.parametrize(
    ("expression", "reads"),
    [("Resources[?Tags.x == 'y']", True), ("Resources[].Tags", True), ("Region == 'Tags'", False), ("((", False)],
)
def test_reads_tags(expression: str, reads: bool) -> None:
    assert reads_tags(expression) is reads


@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab", max_size=12))
def test_wildcards_are_those_of_the_shell(pattern: str, name: str) -> None:
    assert fits(pattern, name) == bool(re.match(fnmatch.translate(pattern), name))


def test_a_long_name_costs_no_time() -> None:
    assert not fits("*a" * 30 + "b", "a" * 200_000)


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Region", "Types", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    _json,
    st.sampled_from(
        [
            "ceil(a)",
            "sort(Types)",
            "avg(Types)",
            "Types[::0]",
            "sum(Types[])",
            "a.b[?c > `1`]",
            "merge(@, a)",
            "join(a, Types)",
        ]
    ),
)
def test_where_never_raises(document: Any, expression: str) -> None:
    assert where(expression, document).applies in {True, False}
