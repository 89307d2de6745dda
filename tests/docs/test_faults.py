# SPDX-License-Identifier: Apache-2.0
"""The page of faults has a row for every call, and a word in every cell."""

from __future__ import annotations

import pytest

from tests.faults.matrix import CONTAINMENT, FAULTS, RELEASE, calls
from tests.faults.page import PAGE


def rows(half: str) -> dict[str, list[str]]:
    section = PAGE.read_text(encoding="utf-8").partition(f"## {half.capitalize()}\n")[2].partition("\n## ")[0]
    cells = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return {name.strip().strip("`"): [each.strip() for each in rest] for name, *rest in cells}


@pytest.mark.parametrize("half", [CONTAINMENT, RELEASE])
def test_every_call_has_a_row_and_every_cell_a_word(half: str) -> None:
    found = rows(half)
    made: dict[str, int] = {}
    for each in calls(half).values():
        for operation, count in each.items():
            made[operation] = made.get(operation, 0) + count

    assert {name: int(cells[0]) for name, cells in found.items()} == made
    assert all(len(cells) == 1 + len(FAULTS[half]) and all(cells) for cells in found.values())
