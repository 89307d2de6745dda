# SPDX-License-Identifier: Apache-2.0
"""Writes docs/reference/faults.md from the cells that ``make faults`` has kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.faults.matrix import CONTAINMENT, FAULTS, RELEASE, Cell, calls, cases, kept

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"

_HEAD = """\
# Faults

What becomes of a containment, and of a release, when an AWS call of it goes wrong: every call that any step or option
makes, every fault, each in a simulation of its own. `make faults` runs them all and writes this page; a case that
fails stops it. A cell tells all that came of any of the operation's calls, in any of the scenarios below. *Denied*
means always denied, *denied once* one call; every other fault meets one call. A call that an earlier scenario makes
as often is met again by a crash after it only.
"""
_TOLD = {
    CONTAINMENT: """\
## Containment

- **contained**: the host ends as it does without the fault, in the first receive or a later one.
- **nothing done, named**: the host is as it was, and the record, or the dead letter's reason, names the operation.
- Otherwise: the incident's state, whether the host is isolated, and that the gap is named. Every other step is done.

In every case it was checked too that no bystander was touched, that the baseline is what was there before the first
change, and that what is told names the operation.
""",
    RELEASE: """\
## Release

- **released**: everything is as it began, at the first try.
- **released when run again**: the first try ended early, or left the incident `releasing` and named the operation;
  after the second everything is as it began.
- **what is left is named with the command for it**: so is the rest; a person types the command.

In every case it was checked too that no bystander was touched.
""",
}


def page(cells: Iterable[Cell]) -> str:
    """Return the page."""
    cells = list(cells)
    lines = [_HEAD]
    for half in FAULTS:
        lines += [_TOLD[half], *_table(half, [cell for cell in cells if cell.case.half == half]), ""]
    lines += ["## Scenarios", "", f"{len(cells)} cases.", ""]
    for name, made in calls(CONTAINMENT).items():
        back = calls(RELEASE)[name]
        lines.append(
            f"- **{name}**: {sum(made.values())} calls of {len(made)} operations, "
            f"{sum(back.values())} of {len(back)} at release."
        )
    return "\n".join(lines) + "\n"


def missing(cells: Iterable[Cell]) -> list[str]:
    """Return the cases that have no cell."""
    run = {cell.case for cell in cells}
    return [case.name for case in cases() if case not in run]


def _table(half: str, cells: list[Cell]) -> Iterator[str]:
    faults = FAULTS[half]
    yield f"| call | calls | {' | '.join(faults)} |"
    yield "|---|---|" + "---|" * len(faults)
    made = calls(half).values()
    for operation in sorted({cell.case.operation for cell in cells}):
        of = [cell for cell in cells if cell.case.operation == operation]
        told = [" / ".join(sorted({cell.word for cell in of if cell.case.fault == fault})) for fault in faults]
        yield f"| `{operation}` | {sum(each.get(operation, 0) for each in made)} | {' | '.join(told)} |"


def main() -> None:
    """Write the page; a case without a cell is an error."""
    cells = kept()
    if left := missing(cells):
        raise SystemExit(f"{len(left)} cases were not run, the first is {left[0]}")
    PAGE.write_text(page(cells))
    print(f"wrote {PAGE.name}")  # noqa: T201 — this is a command


if __name__ == "__main__":
    main()
