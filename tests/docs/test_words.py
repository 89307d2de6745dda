# SPDX-License-Identifier: Apache-2.0
"""Old words: each has a better one in docs/glossary.md, and how often it still occurs may only fall.

``words.txt`` has the old words as regular expressions, ``words.json`` how often they occur in each top-level folder.
A count that rises fails this test, and so does one that falls without ``words.json``: run this file to write it anew.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORDS = Path(__file__).with_name("words.txt")
ALLOWED = Path(__file__).with_name("words.json")
FOLDERS = ("functions", "hub", "member_stacks", "docs", "config")
SUFFIXES = {".json", ".md", ".py", ".yaml"}
GLOSSARY = ROOT / "docs" / "glossary.md"
UPDATE = "python tests/docs/test_words.py"


def old_words() -> dict[str, re.Pattern[str]]:
    """Return the patterns by their text; a comment ends a line, after two spaces and a ``#``."""
    lines = [line.partition("  #")[0].strip() for line in WORDS.read_text(encoding="utf-8").splitlines()]
    # A space in a pattern stands for any white space: phrases go over the ends of lines.
    return {line: re.compile(line.replace(" ", r"\s+")) for line in lines if line and not line.startswith("#")}


def counted() -> dict[str, dict[str, int]]:
    """Return how often each old word occurs, by folder; words that don't occur are left out."""
    found: dict[str, dict[str, int]] = {}
    words = old_words()
    for folder in FOLDERS:
        count: Counter[str] = Counter()
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in SUFFIXES or path == GLOSSARY or "__pycache__" in path.parts:
                continue
            text = path.read_text(encoding="utf-8")
            for word, pattern in words.items():
                count[word] += len(pattern.findall(text))
        found[folder] = {word: count[word] for word in sorted(count) if count[word]}
    return found


def differences(allowed: Mapping[str, Mapping[str, int]], now: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return a sentence for each count that is not the allowed one, the risen ones first."""
    pairs = [(folder, word) for folder in FOLDERS for word in {**allowed.get(folder, {}), **now.get(folder, {})}]
    rows = [
        (allowed.get(folder, {}).get(word, 0), now.get(folder, {}).get(word, 0), folder, word) for folder, word in pairs
    ]
    risen = [
        f"{folder}: {word!r} occurs {new} times, allowed are {old}" for old, new, folder, word in rows if new > old
    ]
    fallen = [
        f"{folder}: {word!r} fell from {old} to {new}: run {UPDATE}" for old, new, folder, word in rows if new < old
    ]
    return risen + fallen


def test_old_words_only_become_fewer() -> None:
    assert differences(json.loads(ALLOWED.read_text(encoding="utf-8")), counted()) == []


def test_a_rise_and_a_fall_are_both_told() -> None:
    told = differences({"functions": {"a": 1, "b": 2}}, {"functions": {"a": 2, "b": 1}, "hub": {"c": 1}})
    assert told == [
        "functions: 'a' occurs 2 times, allowed are 1",
        "hub: 'c' occurs 1 times, allowed are 0",
        f"functions: 'b' fell from 2 to 1: run {UPDATE}",
    ]


if __name__ == "__main__":
    ALLOWED.write_text(json.dumps(counted(), indent=1) + "\n", encoding="utf-8")
