# SPDX-License-Identifier: Apache-2.0
"""What deploying and destroying share: the parts, whether a person can answer, and the message for an interruption."""

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
YES = click.option("--yes", is_flag=True, help="Don't ask for confirmation.")

CDK_EXIT_CODES = """
\b
Exit codes:
  0      done
  1      not done: a check or AWS refused, and the message says why
  2      bad usage, or settings that are wrong
  130    interrupted
  other  the CDK's own
"""

BROKEN_OFF = "Interrupted. CloudFormation may still be working: cordon organization preflight shows whether it is."


def asking(*, yes: bool, as_json: bool, on_stdout: bool = False) -> None:
    """Raise if there is a question and no person to answer it; ``on_stdout``: the CDK asks there."""
    there = sys.stdin.isatty() and (sys.stdout.isatty() or not on_stdout)
    if not yes and (as_json or not there):
        raise click.UsageError("no one can answer a question here: give --yes")
