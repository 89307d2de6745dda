# SPDX-License-Identifier: Apache-2.0
"""``cordon organization lock``: writes the lock file from Organizations and shows what changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from hub.cli.invocation.deployment import CONFIG, EXIT_CODES, JSON, bordered
from hub.cli.report.printable import printable

_HELP = f"""Write organization.lock.json from AWS Organizations, and show what changed.

With credentials of the management account or a delegated administrator. Commit the file: policy is checked against it.
The hub and the forensics account are kept as they are in it, or given.
{EXIT_CODES}"""


def _account(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[0-9]{12}", value):
        raise click.BadParameter(f"{value!r} is no account id: 12 digits")
    return value


@click.command("lock", help=_HELP, short_help="Write the lock file from Organizations.")
@click.option("--hub", metavar="ACCOUNT", callback=_account, help="The hub, where there is no file or it moved.")
@click.option("--forensics", metavar="ACCOUNT", callback=_account, help="The account that snapshots are shared with.")
@CONFIG
@JSON
def lock(*, hub: str | None, forensics: str | None, directory: Path, as_json: bool) -> int:
    """Write the file and return the exit code."""

    def work() -> int:
        from hub.organization.locked import renew

        done = renew(directory, hub=hub, forensics=forensics)
        for warning in done.warnings:
            click.echo(f"warning: {printable(warning)}", err=True)
        if as_json:
            document = {"schema": 1, "file": str(done.file), "accounts": done.accounts, "changed": list(done.changed)}
            click.echo(json.dumps({**document, "warnings": list(done.warnings)}, indent=2))
            return 0
        for line in done.changed:
            click.echo(printable(line))
        changed = len(done.changed)
        changes = f"{changed} change{'' if changed == 1 else 's'}" if changed else "nothing changed"
        click.echo(f"{done.accounts} account{'' if done.accounts == 1 else 's'}, {changes}")
        return 0

    return bordered(work, as_json=as_json)
