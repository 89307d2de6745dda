# SPDX-License-Identifier: Apache-2.0
"""The index of the documents has every document once, in one line, and nothing that is not there."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.docs.pages import ROOT, name, text

INDEX = ROOT / "docs" / "README.md"
DECISIONS = ROOT / "docs" / "adr" / "README.md"
READERS = ["Platform team", "Account owners", "SOC", "Engineers"]
ROW = re.compile(r"^\| \[[^\]]+\]\(([^)]+)\) \| (\S.*) \|$", re.MULTILINE)


def listed(page: Path) -> Counter[str]:
    """Return how often each document has a row of a table."""
    rows = ROW.findall(page.read_text(encoding="utf-8"))
    return Counter(name((page.parent / link).resolve()) for link, _ in rows)


def test_every_document_is_in_the_index_once() -> None:
    docs = [page for page in (ROOT / "docs").rglob("*.md") if page.parent != DECISIONS.parent and page != INDEX]
    top = [*ROOT.glob("*.md"), *(ROOT / "config").glob("*.md"), ROOT / "LICENSE", DECISIONS]
    assert listed(INDEX) == Counter(map(name, [*docs, *top]))


def test_every_decision_is_in_its_list_once() -> None:
    records = [page for page in DECISIONS.parent.glob("*.md") if page != DECISIONS]
    assert listed(DECISIONS) == Counter(map(name, records))


def test_the_index_is_grouped_by_reader() -> None:
    headings = re.findall(r"^## (.+)$", text(name(INDEX)), re.MULTILINE)
    assert headings == ["To begin with", *READERS]
