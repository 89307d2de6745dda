# SPDX-License-Identifier: Apache-2.0
"""Writes docs/reference/faults.md from the cells that ``make faults`` has kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tests.faults.matrix import CELLS, FAULTS, calls

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"

_HEAD = """\
# Faults

What becomes of a containment when an AWS call of it goes wrong: every call that any step or option makes, every fault,
each in a simulation of its own. `make faults` runs them all and writes this page. A cell tells the worst that came of
any of the operation's calls, in any of the scenarios below.

- **contained**: the host ends as it does without the fault, in the first receive or a later one.
- **nothing done, named**: the host is as it was, and the record, or the dead letter's reason, names the operation.
- Otherwise: the incident's state, whether the host is isolated, and that the gap is named. Every other step is done.

In every cell it was checked too that no bystander was touched, that the baseline is what was there before the first
change, and that what is told names the operation. Denied means always denied; the other faults meet one call.
"""


def rows(cells: Iterable[tuple[str, str, int, str, str]]) -> dict[str, dict[str, set[str]]]:
    """Return operation -> fault -> words."""
    found: dict[str, dict[str, set[str]]] = {}
    for _, operation, _, fault, word in cells:
        found.setdefault(operation, {}).setdefault(fault, set()).add(word)
    return found


def page(cells: Iterable[tuple[str, str, int, str, str]]) -> str:
    """Return the page."""
    cells = list(cells)
    lines = [_HEAD, f"| call | calls | {' | '.join(FAULTS)} |", "|---|---|" + "---|" * len(FAULTS)]
    made = calls()
    for operation, by_fault in sorted(rows(cells).items()):
        count = sum(each.get(operation, 0) for each in made.values())
        told = [" / ".join(sorted(by_fault.get(fault, {"not run"}))) for fault in FAULTS]
        lines.append(f"| `{operation}` | {count} | {' | '.join(told)} |")
    lines += ["", "## Scenarios", "", f"{len(cells)} cases.", ""]
    lines += [f"- **{name}**: {sum(each.values())} calls of {len(each)} operations." for name, each in made.items()]
    return "\n".join(lines) + "\n"


def kept() -> list[tuple[str, str, int, str, str]]:
    """Return the cells of every worker."""
    return [tuple(json.loads(line)) for file in sorted(CELLS.glob("*.jsonl")) for line in file.read_text().splitlines()]


if __name__ == "__main__":
    PAGE.write_text(page(kept()))
    print(f"wrote {PAGE.name}")  # noqa: T201 — this is a command
