# SPDX-License-Identifier: Apache-2.0
"""Prints what is wrong with a command: sentences on standard error, or the document of errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from hub.cli.report.printable import printable

FAILED = 1
BAD_USAGE = 2


def print_errors(errors: Sequence[dict[str, Any]], *, as_json: bool, summary: str = "", code: int = BAD_USAGE) -> int:
    """Print errors, which have at least ``message`` (and ``text`` where there is a place to it); return the code."""
    if as_json:
        click.echo(json.dumps({"schema": 1, "errors": list(errors)}, indent=2))
        return code
    for each in errors:
        click.echo(f"Error: {printable(each.get('text', each['message']))}", err=True)
    if summary:
        click.echo(summary, err=True)
    return code
