# SPDX-License-Identifier: Apache-2.0
"""What deploying and destroying share: which parts, whether somebody can be asked, and what breaking off means."""

from __future__ import annotations

import sys

import click

PARTS = ("hub", "forwarders", "members", "detection", "guard")
STACK = click.option(
    "--stack",
    "asked",
    type=click.Choice(PARTS),
    multiple=True,
    help="Only this part. Repeatable.  [default: all of the hub account's]",
)
YES = click.option("--yes", is_flag=True, help="Ask nothing.")

CDK_EXIT_CODES = """
\b
Exit codes:
  0      done
  1      not done: a check or AWS refused, and the sentence says why
  2      bad usage, or settings that are wrong
  130    broken off
  other  the CDK's own
"""

BROKEN_OFF = "Broken off. CloudFormation may still be at work: cordon organization preflight tells."


def asking(*, yes: bool, as_json: bool, on_stdout: bool = False) -> None:
    """Raise if there is a question to ask and nobody to answer it; ``on_stdout``: it is asked there, by the CDK."""
    there = sys.stdin.isatty() and (sys.stdout.isatty() or not on_stdout)
    if not yes and (as_json or not there):
        raise click.UsageError("there is nobody to ask here: give --yes")
