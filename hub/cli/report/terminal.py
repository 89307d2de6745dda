# SPDX-License-Identifier: Apache-2.0
"""Where reports are printed: tables and colour on a terminal, plain text in a pipe, a file or with NO_COLOR.

All that is printed passes through ``plain``: texts come from findings, and an attacker can write findings.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hub.cli.report.printable import printable

_WIDEST = 110
_INDENT = 2

_STYLES = {
    "acted": "bold green",
    "contained": "bold green",
    "released": "green",
    "done": "green",
    "ok": "green",
    "awaiting-approval": "bold yellow",
    "planned": "yellow",
    "partial": "bold yellow",
    "releasing": "yellow",
    "containing": "yellow",
    "rejected": "bold magenta",
    "problem": "bold red",
    "warning": "bold yellow",
    "not checked": "bold magenta",
    "failed": "bold red",
    "dead-lettered": "bold red",
    "observed": "cyan",
}
"""Colours of outcomes and states; any other is plain."""


class Terminal:
    """A console that prints untrusted text safely. ``rich`` says whether it is a terminal that shows colour."""

    def __init__(self, stream: TextIO | None = None) -> None:
        out = stream or sys.stdout
        if hasattr(out, "reconfigure"):
            out.reconfigure(errors="backslashreplace")  # a terminal without Unicode: escapes, no traceback
        self.rich = out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._console = Console(
            file=out,
            force_terminal=self.rich,
            color_system="auto" if self.rich else None,
            highlight=False,
            markup=False,
            emoji=False,
        )
        self._console.width = min(self._console.width, _WIDEST)

    def blank(self) -> None:
        """Print an empty line."""
        self._console.print()

    def line(self, text: object = "", *, style: str = "", indent: int = 0) -> None:
        """Print one paragraph."""
        self._print(Padding(said(text, style), (0, 0, 0, indent)))

    def heading(self, text: object, outcome: str = "") -> None:
        """Print a heading, with an outcome behind it."""
        self.blank()
        heading = said(text, "bold")
        if outcome:
            heading.append("  ")
            heading.append_text(coloured(outcome))
        self._print(heading)

    def facts(self, rows: Iterable[tuple[str, object]]) -> None:
        """Print labels with what they say; a row without a value is left out."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim" if self.rich else "", no_wrap=True, min_width=11)
        grid.add_column(ratio=1)
        for label, value in rows:
            if value not in ("", None, ()):
                grid.add_row(said(label), said(value))
        if grid.row_count:
            self._print(Padding(grid, (0, 0, 0, _INDENT)))

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", header: bool = True
    ) -> None:
        """Print a table, or nothing if there are no rows. Cells of the name ``outcome`` or ``state`` are coloured."""
        table = Table(
            box=box.SIMPLE_HEAD if self.rich else None,
            show_edge=False,
            show_header=header,
            pad_edge=False,
            padding=(0, 2, 0, 0),
            header_style="bold" if self.rich else "",
        )
        for column in columns:
            table.add_column(said(column), overflow="fold", no_wrap=column in {"step", "outcome", "state"})
        for row in rows:
            table.add_row(*(_cell(column, cell) for column, cell in zip(columns, row, strict=True)))
        if table.row_count:
            if title:
                self.blank()
                self.line(title, style="bold" if self.rich else "", indent=_INDENT)
            self._print(Padding(table, (0, 0, 0, _INDENT + (_INDENT if title else 0))))

    def unfolded(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table whose lines are never folded, however narrow the terminal: people copy what they say.

        A tuple in the last column is several lines.
        """
        table = [tuple(said(column) for column in columns)]
        for row in rows:
            *head, last = row
            for number, line in enumerate(last if isinstance(last, tuple) else (last,)):
                cells = head if number == 0 else [""] * len(head)
                table.append(tuple(_cell(column, cell) for column, cell in zip(columns, [*cells, line], strict=True)))
        widths = [max(row[number].cell_len for row in table) for number in range(len(columns) - 1)]
        for row in table:
            text = Text(" " * _INDENT)
            for cell, width in zip(row, [*widths, 0], strict=True):
                text.append_text(cell).append(" " * (width + _INDENT - cell.cell_len) if width else "")
            self._console.print(text, soft_wrap=True)

    def _print(self, renderable: RenderableType) -> None:
        if self.rich:
            self._console.print(renderable)
            return
        with self._console.capture() as captured:
            self._console.print(renderable)
        # rich fills every line up to the width; a file needs no such blanks.
        self._console.file.writelines(line.rstrip() + "\n" for line in captured.get().splitlines())

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Show that work is under way: a spinner on a terminal, a line elsewhere."""
        if self.rich:
            with self._console.status(said(text)):
                yield
        else:
            self.line(f"{text} ...", indent=_INDENT)
            self._console.file.flush()
            yield


def said(text: object, style: str = "") -> Text:
    """Return text that is safe to print. A tuple is several lines; a line break within a text is spelled out.

    A Text is taken to be safe already.
    """
    if isinstance(text, Text):
        return text
    lines = text if isinstance(text, tuple) else (text,)
    return Text("\n").join(Text(printable(line), style=style) for line in lines)


def coloured(outcome: object) -> Text:
    """Return an outcome or a state in its colour."""
    return said(outcome, _STYLES.get(str(outcome), ""))


def _cell(column: str, cell: object) -> Text:
    return coloured(cell) if column in {"outcome", "state"} else said(cell)
