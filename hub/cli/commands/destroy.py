# SPDX-License-Identifier: Apache-2.0
"""``cordon organization destroy``: asks, deletes, and says what is gone, what is left and what stays switched off."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli.invocation.deployment import CONFIG, EXIT_CODES, JSON, with_settings
from hub.cli.invocation.stack_options import BROKEN_OFF, STACK, YES, asking
from hub.cli.report.printable import printable

if TYPE_CHECKING:
    from hub.deployment.model import DeploymentSettings
    from hub.organization.deletion import Deletion
    from hub.organization.destroy import Leaving

_HELP = f"""Remove a deployment: members first, then forwarders and hub. Evidence stays.

Refuses while a contained host could still be released. Switches the organisation off beforehand. Keeps the table, the
buckets, the dead letters and the log groups, and names them at the end. Removes detection and guard only with --stack.
{EXIT_CODES}"""


@click.command("destroy", help=_HELP, short_help="Remove a deployment; evidence stays.")
@STACK
@click.option("--despite-open-incidents", "despite", is_flag=True, help="Leave contained hosts as they are.")
@YES
@CONFIG
@JSON
def destroy(*, asked: Sequence[str], despite: bool, yes: bool, directory: Path, as_json: bool) -> int:
    """Destroy and return the exit code."""

    def work(settings: DeploymentSettings) -> int:
        from hub.organization.deletion import Deletion
        from hub.organization.destroy import Leaving
        from hub.organization.parts import DeploymentPart

        asking(yes=yes, as_json=as_json)
        leaving = Leaving.begin(settings, [DeploymentPart(each) for each in asked], despite=despite)
        deletion = Deletion(leaving.caller, _aside)
        _forewarn(leaving)
        names = ", ".join(stack.name for part in leaving.parts for stack in leaving.stacks(part))
        question = f"This deletes {names}. Type the qualifier ({settings.qualifier}) to continue"
        if not yes and click.prompt(question, err=True) != settings.qualifier:
            raise click.ClickException("that is not the qualifier: nothing was destroyed")
        _go(leaving, deletion)
        _tell(leaving, deletion, as_json=as_json)
        return 0

    return with_settings(directory, work, as_json=as_json)


def _forewarn(leaving: Leaving) -> None:
    from hub.organization.destroy import shown

    if leaving.unanswered:
        waiting = shown(leaving.unanswered)
        _aside(f"warning: these incidents are open and have nothing to put back; they get no answer: {waiting}")
    for region, why in leaving.strays.not_asked.items():
        _aside(f"warning: could not look for a forwarder in {region}: {why}")


def _go(leaving: Leaving, deletion: Deletion) -> None:
    """Destroy; if anything ends it early, say what was destroyed so far."""
    from hub.organization.errors import OrganizationError

    try:
        leaving.go(deletion)
    except OrganizationError as error:
        more = _so_far(leaving, deletion)
        if not more:
            raise
        raise type(error)(" ".join([f"{str(error).rstrip('.')}.", *more])) from error
    except KeyboardInterrupt:
        _aside(" ".join([BROKEN_OFF, *_so_far(leaving, deletion)]))
        raise


def _so_far(leaving: Leaving, deletion: Deletion) -> list[str]:
    gone = f"Destroyed so far: {', '.join(deletion.destroyed)}." if deletion.destroyed else ""
    return [each for each in (gone, leaving.aftermath()) if each]


def _tell(leaving: Leaving, deletion: Deletion, *, as_json: bool) -> None:
    from hub.organization.errors import OrganizationError

    kept: list[str] = []
    try:
        kept = leaving.left()
    except OrganizationError as error:
        _aside(f"warning: {error}")
    gone, absent = ", ".join(deletion.destroyed), ", ".join(deletion.were_absent)
    sentences = [f"Destroyed: {gone}." if gone else "Nothing was destroyed.", f"Not there: {absent}." if absent else ""]
    sentences = [" ".join(filter(None, sentences)), *filter(None, [leaving.aftermath()])]
    if as_json:
        document = {
            "parts": [*leaving.parts],
            "destroyed": deletion.destroyed,
            "absent": deletion.were_absent,
            "exit_code": 0,
            "message": " ".join(sentences),
            "left": kept,
            "unanswered": [line.incident for line in leaving.unanswered],
        }
        click.echo(json.dumps({"schema": 1, **document}, indent=2))
        return
    for sentence in sentences:
        click.echo(sentence)
    for each in kept:
        click.echo(f"Left on purpose: {each}")
    if kept:
        click.echo("docs/rollout.md explains under What stays how to import them again, or to remove them.")


def _aside(text: str) -> None:
    click.echo(printable(text), err=True)
    sys.stderr.flush()
