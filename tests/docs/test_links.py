# SPDX-License-Identifier: Apache-2.0
"""Links between documents lead somewhere, and files that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, name, prose, words

LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
FILE = re.compile(r"(?:functions|hub|tests|config|docs|requirements)(?:/[\w.-]+)*")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the usual hosting pages make them."""
    headings = re.findall(r"^#+ (.+)$", prose(name(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(prose(name(page))):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_are_named_exist(page: Path) -> None:
    named = {word.rstrip("/") for word in words(prose(name(page))) if "/" in word and FILE.fullmatch(word.rstrip("/"))}
    generic = {word for word in named if "NNNN" in word}
    assert [word for word in sorted(named - generic) if not (ROOT / word).exists()] == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        links = (link.partition("#")[0] for link in LINK.findall(prose(name(page))))
        waiting += [(page.parent / link).resolve() for link in links if link.endswith(".md") and ":" not in link]
    assert [name(page) for page in PAGES if page not in reached] == []


def test_decisions_are_numbered_without_gaps_and_have_their_parts() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        body = record.read_text(encoding="utf-8")
        assert body.startswith(f"# {record.name[:4]}. ")
        assert re.search(r"^Status: \w+, \d{4}-\d{2}-\d{2}$", body, re.MULTILINE), record.name
        assert re.findall(r"^## (.+)$", body, re.MULTILINE) == ["Context", "Decision", "Consequences"], record.name
