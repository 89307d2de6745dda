# SPDX-License-Identifier: Apache-2.0
"""``cordon release``: has the release function put a host back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli.invocation.deployment import CONFIG, JSON, with_settings
from hub.cli.invocation.error_output import FAILED

if TYPE_CHECKING:
    from hub.deployment.model import DeploymentSettings

_HELP = """Release INCIDENT's host: put back what Cordon changed, unless it was changed again since.

The release function in the hub account does the work; this command needs permission to invoke it. Snapshots are kept.
If a release could not put everything back, run it again.

\b
Exit codes:
  0  released
  1  not released, or not completely; the report names the rest
  2  bad usage, or settings that are wrong
"""


@click.command("release", help=_HELP, short_help="Release an incident's host: put it back as it was.")
@click.argument("incident")
@click.option("--by", required=True, metavar="NAME", help="Name of the person who asks; recorded, not checked.")
@CONFIG
@JSON
def release(*, incident: str, by: str, directory: Path, as_json: bool) -> int:
    """Release and return the exit code."""

    def work(settings: DeploymentSettings) -> int:
        from hub.organization import released
        from hub.organization.hub_account import HubAccount

        answer = released.release(HubAccount.enter(settings), incident, by=by)
        if as_json:
            click.echo(json.dumps({"schema": 1, **answer}, indent=2))
        else:
            _tell(answer)
        return 0 if answer["state"] == "released" else FAILED

    return with_settings(directory, work, as_json=as_json)


def _tell(answer: dict[str, Any]) -> None:
    from hub.cli.report.terminal import Terminal

    terminal = Terminal()
    terminal.heading(answer["incident"], answer["state"])
    terminal.line(answer["reason"], indent=2)
    terminal.table(
        ("step", "what", "outcome", "reason"),
        [
            (item["step"], item["what"], "released" if item["restored"] else "left", item["reason"])
            for item in answer["items"]
        ],
        title="Put back",
    )
    # A release function of an earlier version returns no commands.
    commands = [(item["what"], item["command"]) for item in answer["items"] if item.get("command")]
    if commands:
        terminal.blank()
        terminal.line("Left to a person", indent=2)
        terminal.unfolded(("what", "by which command"), commands)
