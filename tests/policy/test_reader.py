# SPDX-License-Identifier: Apache-2.0
"""YAML that is read, and YAML that is refused with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.policy.errors import PolicyErrors
from hub.policy.reader import LARGEST_BYTES, parse, read


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: on\nb: off\nc: yes\nd: true\ne: false", {"a": "on", "b": "off", "c": "yes", "d": True, "e": False}),
        (
            "a: 012345671234\nb: 444455556666\nc: 0\nd: -7\ne: 123456789",
            {"a": "012345671234", "b": "444455556666", "c": 0, "d": -7, "e": 123456789},
        ),
        (
            "a: 2027-01-31\nb: 1.5\nc: 0x10\nd: 1_000\ne: 22:30",
            {"a": "2027-01-31", "b": "1.5", "c": "0x10", "d": "1_000", "e": "22:30"},
        ),
        ("a: 'null'\nb: \"\"\nc: [x, 1]\nd: {}", {"a": "null", "b": "", "c": ["x", 1], "d": {}}),
        ("444455556666: x\ntrue: y", {"444455556666": "x", "true": "y"}),
        ("\ufeffa: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ('{"a": {"b": [true]}}', {"a": {"b": [True]}}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
    ],
)
def test_values_are_what_they_look_like(tmp_path: Path, text: str, data: dict[str, Any]) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(text.encode())
    assert read(file, "a.yaml").data == data


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("", ["f:1:1: is empty"]),
        ("# only a comment\n", ["f:1:1: is empty"]),
        ("- a\n", ["f:1:1: must be a map of keys and values at the top, not a list"]),
        ("text", ["f:1:1: must be a map of keys and values at the top, not text"]),
        ("a: 1\na: 2\n", ["f:2:1: a: the key is there twice, first at line 1"]),
        ("r:\n  x: {m: 1, m: 2}\n", ["f:2:13: r.x.m: the key is there twice, first at line 2"]),
        (
            "a: &x {b: 1}\nc: *x\nd:\n  <<: {e: 1}\n",
            [
                "f:1:4: the anchor &x is not supported: write values out where they belong",
                "f:2:4: the alias *x is not supported: write the value out",
                "f:4:3: d: merge keys (<<) are not supported: write the values out",
            ],
        ),
        (
            "a: !!python/object:os.system ls",
            ["f:1:4: the tag 'tag:yaml.org,2002:python/object:os.system' is not supported"],
        ),
        ("a: !!int '1'", ["f:1:4: the tag 'tag:yaml.org,2002:int' is not supported"]),
        (
            "a:\nb: [~, null]\n",
            [
                "f:1:1: a: has no value: leave it out, or write {} or []",
                "f:2:5: b[0]: has no value: leave it out, or write {} or []",
                "f:2:8: b[1]: has no value: leave it out, or write {} or []",
            ],
        ),
        ("a:\n\tb: 1\n", ["f:2:1: a tab in the indentation, where YAML wants spaces"]),
        (
            "a: 1\n---\nb: 2\n",
            ["f:2:1: is not YAML: expected a single document in the stream: but found another document"],
        ),
        ("a: b: c", ["f:1:5: is not YAML: mapping values are not allowed here"]),
        ("a: 'open", ["f:1:9: is not YAML: while scanning a quoted scalar: found unexpected end of stream"]),
        ("a: \x07", ["f:1:4: the character U+0007 is not allowed"]),
        ("? [a]\n: 1", ["f:1:3: a key must be text"]),
        ("[" * 100_000, ["f:1:21: is not YAML: nested more than 20 levels deep"]),
    ],
)
def test_refused_with_its_place(text: str, errors: list[str]) -> None:
    with pytest.raises(PolicyErrors) as caught:
        parse(text, "f", "f")
    assert list(map(str, caught.value.errors)) == errors


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(PolicyErrors, match=r"a\.yaml:2:4: is not UTF-8: byte 0xE9"):
        read(file, "a.yaml")


def test_a_file_beyond_sense_and_a_file_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"#" * (LARGEST_BYTES + 1))
    with pytest.raises(PolicyErrors, match="has 1000001 bytes, more than 1000000"):
        read(file, "a.yaml")
    with pytest.raises(PolicyErrors, match=r"can't be read \(Is a directory\)"):
        read(tmp_path, "a.yaml")


@given(st.text(max_size=200) | st.text(alphabet="ab:-&*!{}[],'\"|>#%@`? \n\t<~0", max_size=60))
def test_never_a_traceback(text: str) -> None:
    document, errors = None, ()
    try:
        document = parse(text, "f", "f")
    except PolicyErrors as error:
        errors = error.errors
    assert (document is None) == bool(errors)
    assert all(each.line >= 1 and each.column >= 1 for each in errors)
