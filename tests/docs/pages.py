# SPDX-License-Identifier: Apache-2.0
"""The project's documents, and ways to take them apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "config").glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^```.*?^```\s*?$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_CELL = re.compile(r"(?<!\\)\|")


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: str) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", text(page))


def fenced(page: str, language: str = "") -> Iterator[str]:
    """Yield the fenced blocks of a language; without one, those that name none."""
    yield from re.findall(rf"^```{language}\n(.*?)^```\s*?$", text(page), re.MULTILINE | re.DOTALL)


def words(part: str) -> set[str]:
    """Return what stands in backquotes."""
    return set(_CODE.findall(part))


def section(page: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one of the same or a higher level."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,6}} |\Z)", prose(page), re.MULTILINE | re.DOTALL)
    assert found is not None, f"{page} has no section {heading!r}"
    return found[2]


def table(page: str, first: str) -> dict[str, str]:
    """Return the rows of the table whose first heading is ``first``: first cell without backquotes → the others."""
    lines = prose(page).splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(f"| {first} |")]
    assert len(starts) == 1, f"{page} has {len(starts)} tables that begin with {first!r}"
    rows = {}
    for line in lines[starts[0] + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in _CELL.split(line)[1:-1]]
        for key in cells[0].split(", "):
            rows[key.strip("`")] = " | ".join(cells[1:])
    return rows
