# SPDX-License-Identifier: Apache-2.0
"""``cordon incidents``: what a deployment has recorded, a line for each incident."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli.invocation.deployment import CONFIG, EXIT_CODES, JSON, with_settings
from hub.cli.report.printable import printable

if TYPE_CHECKING:
    from hub.deployment.model import DeploymentSettings
    from hub.organization.incidents import Line

_COLUMNS = ("since (UTC)", "incident", "state", "account", "region", "instance", "rule")

_HELP = f"""List the incidents of a deployment, the oldest first.

Needs permission to read the table in the hub account. It reads the whole table, which takes minutes after a year with
thousands of accounts. An incident is open if a person has something to do: every one that is not observed, released or
closed.
A warning names an incident that this version can't read, because a newer version recorded it. The list leaves it out.
{EXIT_CODES}"""


@click.command("incidents", help=_HELP, short_help="List the incidents of a deployment.")
@click.option("--open", "only_open", is_flag=True, help="Only incidents about which a person has something to do.")
@CONFIG
@JSON
def incidents(*, only_open: bool, directory: Path, as_json: bool) -> int:
    """List and return the exit code."""

    def work(settings: DeploymentSettings) -> int:
        from hub.organization import incidents as listed
        from hub.organization.hub_account import HubAccount

        found = listed.incidents(HubAccount.enter(settings))
        lines = found.lines
        shown = [line for line in lines if line.is_open or not only_open]
        for refused in found.refused:
            click.echo(printable(f"warning: {refused.reason}"), err=True)
        if as_json:
            refusals = [asdict(each) for each in found.refused]
            document = {"schema": 1, "incidents": [line.to_json() for line in shown], "refused": refusals}
            click.echo(json.dumps(document, indent=2))
            return 0
        for each in _lines(shown):
            click.echo(each)
        number = sum(line.is_open for line in lines)
        unread = f", {len(found.refused)} that can't be read" if found.refused else ""
        click.echo(f"{len(lines)} incident{'' if len(lines) == 1 else 's'}, {number} open{unread}")
        return 0

    return with_settings(directory, work, as_json=as_json)


def _lines(shown: Sequence[Line]) -> Iterator[str]:
    """Yield aligned lines that are never folded, however narrow the terminal: people search and copy them."""
    rows = [_COLUMNS]
    rows += [
        (each.since[:16], each.incident, each.state, each.account, each.region, each.instance, each.rule)
        for each in shown
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    if shown:
        for row in rows:
            yield printable("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
