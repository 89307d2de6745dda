# SPDX-License-Identifier: Apache-2.0
"""Runs the command in this process, as a person would from the project's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from hub.cli.main import main

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
EVENTS = ROOT / "tests" / "events"
C2 = EVENTS / "classic-c2-dns.json"
"""A finding on one host of the account that the shipped policy enforces in."""


def cordon(*arguments: object, stdin: str | None = None) -> Result:
    """Run ``cordon``; what it raises beside SystemExit fails the test."""
    return CliRunner().invoke(main, [str(each) for each in arguments], input=stdin, catch_exceptions=False)


def simulate(*arguments: object, stdin: str | None = None) -> Result:
    """Run ``cordon simulate`` with the shipped policy."""
    return cordon("simulate", "--config", CONFIG, *arguments, stdin=stdin)


def document_of(result: Result) -> dict[str, Any]:
    """Return the document: standard output holds it and nothing else."""
    document: dict[str, Any] = json.loads(result.stdout)
    return document
