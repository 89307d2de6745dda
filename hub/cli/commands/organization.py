# SPDX-License-Identifier: Apache-2.0
"""``cordon organization``: deploy Cordon into an organisation, remove it, and related commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO

import click

from hub.cli.commands.destroy import destroy
from hub.cli.commands.lock import lock
from hub.cli.invocation.deployment import CONFIG, EXIT_CODES, JSON, with_settings
from hub.cli.invocation.error_output import FAILED
from hub.cli.invocation.stack_options import BROKEN_OFF, CDK_EXIT_CODES, STACK, YES, asking
from hub.cli.report.printable import printable

if TYPE_CHECKING:
    from hub.deployment.model import DeploymentSettings
    from hub.organization.check import Answer
    from hub.organization.parts import DeploymentPart


@click.group("organization")
def organization() -> None:
    """Deploy Cordon into an organisation, or remove it.

    docs/rollout.md explains the commands in order. Credentials come from the same places as for every AWS tool
    (AWS_PROFILE and others): those of the hub account, and for the guard those of the management account.
    """


@organization.command("preflight", help=f"Check what deploying needs, and change nothing.\n{EXIT_CODES}")
@STACK
@CONFIG
@JSON
def preflight(*, asked: Sequence[str], directory: Path, as_json: bool) -> int:
    """Print every check and return 1 if one of them stops a deployment."""

    def work(settings: DeploymentSettings) -> int:
        from hub.organization.preflight import blocked

        parts = _parts(settings, asked)
        answers = _checked(settings, parts)
        if as_json:
            _document({"checks": [each.to_json() for each in answers], "ready": not blocked(answers)})
        else:
            _tell(answers)
        return FAILED if blocked(answers) else 0

    return with_settings(directory, work, as_json=as_json)


_DEPLOY_HELP = f"""Deploy Cordon with the CDK, after the checks of preflight.

An interrupted deployment can be run again. The CDK shows what widens access and waits for a yes, unless --yes.
{CDK_EXIT_CODES}"""


@organization.command("deploy", help=_DEPLOY_HELP, short_help="Deploy Cordon with the CDK, after checks.")
@STACK
@YES
@CONFIG
@JSON
def deploy(*, asked: Sequence[str], yes: bool, directory: Path, as_json: bool) -> int:
    """Deploy and return the exit code."""

    def work(settings: DeploymentSettings) -> int:
        from hub.organization import cdk
        from hub.organization.deploy import closing_sentence, next_steps
        from hub.organization.parts import stacks_of
        from hub.organization.preflight import blocked

        parts = _parts(settings, asked)
        stacks = stacks_of(settings, parts)
        asking(yes=yes, as_json=as_json, on_stdout=True)
        answers = _checked(settings, parts)
        checks = [each.to_json() for each in answers]
        if not as_json:
            _tell(answers, output=sys.stderr)
        if blocked(answers):
            if as_json:
                _document({"checks": checks, "stacks": [], "exit_code": None, "message": _NOT_READY, "next": []})
            else:
                click.echo(_NOT_READY, err=True)
            return FAILED
        code = _run(cdk.deploying(stacks, ask=not yes), directory, to_stderr=as_json)
        sentence, after = closing_sentence(settings, parts, stacks, code), [] if code else next_steps(settings, parts)
        if as_json:
            names = [stack.name for stack in stacks]
            _document({"checks": checks, "stacks": names, "exit_code": code, "message": sentence, "next": after})
        else:
            click.echo(sentence)
            for command in after:
                click.echo(f"Next: {command}")
        return code

    return with_settings(directory, work, as_json=as_json)


_NOT_READY = "Nothing was deployed: correct what is called a problem above, then give the same command again."

_BOOTSTRAP_HELP = f"""Prepare the home Region of the hub account for the CDK, once.

Makes the stack CDKToolkit: a bucket for the functions' code, and the roles that deploy. Run it again to renew it.
{CDK_EXIT_CODES}"""


@organization.command("bootstrap", help=_BOOTSTRAP_HELP, short_help="Prepare the hub for the CDK, once.")
@CONFIG
def bootstrap(*, directory: Path) -> int:
    """Run the CDK's bootstrap and return its exit code."""

    def work(settings: DeploymentSettings) -> int:
        from hub.organization import cdk
        from hub.organization.caller import hub_caller

        hub_caller(settings)
        return _run(cdk.bootstrapping(settings.hub, settings.home_region), directory, to_stderr=False)

    return with_settings(directory, work, as_json=False)


_TEMPLATE_HELP = f"""Write the member template, for Terraform, CfCT, ADF or plain CloudFormation.

docs/guide/other-means.md says what to do with it. Every value of the settings is in it: it takes no parameters.
{EXIT_CODES}"""


@organization.command("template", help=_TEMPLATE_HELP, short_help="Write the member template to a file.")
@click.option("--output", type=click.File("w", lazy=True), help="File to write; standard output without it.")
@click.option("--pretty", is_flag=True, help="Indented, for people to read; without it as few bytes as possible.")
@click.option("--drill", is_flag=True, help="The template of the drill range instead.")
@CONFIG
def template(*, output: IO[str] | None, pretty: bool, drill: bool, directory: Path) -> int:
    """Write the template and return the exit code."""

    def work(settings: DeploymentSettings) -> int:
        from hub.organization import template as made

        text = made.spelt(made.template(settings, drill=drill), pretty=pretty)
        if output is None:
            click.echo(text.rstrip("\n"))
            return 0
        try:
            output.write(text)
        except OSError as error:
            raise click.ClickException(f"{printable(output.name)} can't be written ({error.strerror})") from error
        click.echo(f"{len(text.encode())} bytes  {printable(output.name)}")
        return 0

    return with_settings(directory, work, as_json=False)


_COSTS_HELP = """Estimate what a deployment costs a month, from counted calls and list prices.

Without --accounts for 10, 500 and 10,000 accounts. Prices and assumptions are printed with it: they are AWS's list
prices of one Region and one year: check them before you rely on them.
"""


@organization.command("costs", help=_COSTS_HELP, short_help="Estimate what a deployment costs a month.")
@click.option(
    "--accounts", "sizes", type=click.IntRange(1, 1_000_000), multiple=True, metavar="N", help="Accounts. Repeatable."
)
@JSON
def costs(*, sizes: Sequence[int], as_json: bool) -> int:
    """Print the estimate and return 0."""
    from hub.cli.report.terminal import Terminal
    from hub.organization import costs as estimate
    from hub.organization import prices

    sizes = sizes or estimate.SIZES
    if as_json:
        bills = {str(size): [asdict(item) for item in estimate.bill(size)] for size in sizes}
        tables = {str(size): round(estimate.kept_gb(size), 3) for size in sizes}
        source = {"as_of": prices.AS_OF, "region": prices.REGION, "currency": "USD"}
        _document(
            {"prices": source, "assumptions": asdict(estimate.Assumptions()), "accounts": bills, "table_gb": tables}
        )
        return 0
    terminal = Terminal()
    terminal.table(
        ("USD a month", *(f"{size:,} account{'' if size == 1 else 's'}" for size in sizes)), estimate.rows(sizes)
    )
    terminal.table(("assumed", "value"), estimate.said(), title="Assumptions")
    read = ", ".join(f"{estimate.kept_gb(size):.1f} GB ({size:,})" for size in sizes)
    terminal.line(f"cordon incidents and cordon organization destroy read the whole table: {read}.", indent=2)
    terminal.line(f"List prices of {prices.REGION}, {prices.AS_OF}, without the free tier: check them.", indent=2)
    return 0


def _parts(settings: DeploymentSettings, asked: Sequence[str]) -> tuple[DeploymentPart, ...]:
    from hub.organization.deploy import wanted_parts
    from hub.organization.parts import DeploymentPart

    return wanted_parts(settings, [DeploymentPart(each) for each in asked])


def _run(arguments: Sequence[str], directory: Path, *, to_stderr: bool) -> int:
    """Run the CDK and return its exit code; if it is interrupted, say what that means."""
    from hub.organization import cdk

    try:
        return cdk.run(cdk.project(), arguments, directory, to_stderr=to_stderr)
    except KeyboardInterrupt:
        click.echo(BROKEN_OFF, err=True)
        raise


def _checked(settings: DeploymentSettings, parts: Sequence[DeploymentPart]) -> list[Answer]:
    from hub.organization.cdk import project
    from hub.organization.preflight import preflight as check

    return check(settings, project(), parts)


def _tell(answers: Sequence[Answer], output: TextIO | None = None) -> None:
    from hub.cli.report.terminal import Terminal

    Terminal(output or sys.stdout).unfolded(
        ("outcome", "check", "what"),
        [
            (each.outcome, each.check, (each.sentence, f"--> {each.remedy}") if each.remedy else each.sentence)
            for each in answers
        ],
    )


def _document(content: dict[str, object]) -> None:
    click.echo(json.dumps({"schema": 1, **content}, indent=2))


organization.add_command(destroy)
organization.add_command(lock)
