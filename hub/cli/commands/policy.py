# SPDX-License-Identifier: Apache-2.0
"""``cordon policy``: check, compile and publish the policy files.

Exit codes of check and compile: 0 it compiles, 1 it does not, 2 bad usage. Those of publish are the deployment's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from hub.cli.invocation.deployment import CONFIG, EXIT_CODES, JSON, with_settings
from hub.cli.invocation.error_output import BAD_USAGE, FAILED
from hub.cli.report.printable import printable
from hub.deployment.read import errors_of as deployment_errors
from hub.deployment.read import given_by
from hub.policy.compile import Compiled, compile_config
from hub.policy.errors import Located, PolicyErrors

if TYPE_CHECKING:
    from hub.deployment.model import DeploymentSettings

_DIGEST = re.compile(r"[0-9a-f]{64}")

_PUBLISH_HELP = f"""Compile the policy files and put them into force in a deployment.

Needs credentials of the hub account (AWS_PROFILE and the like). The functions go by the new policy from the next
finding on. Prints the digest that is in force now and the one before, which --rollback takes.
{EXIT_CODES}"""


def _digest(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _DIGEST.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no digest: 64 hexadecimal digits, as publish prints them")
    return value


@click.group("policy")
def policy() -> None:
    """Check, compile and publish the policy files.

    They say which findings are answered, how far and how. config/README.md explains every key.
    """


@policy.command("check")
@CONFIG
@JSON
def check(directory: Path, *, as_json: bool) -> None:
    """List everything that is wrong with the policy files, and with deployment.yaml where there is one.

    Each error is one line, FILE:LINE:COLUMN: PATH: WHAT. Without errors, a summary.
    """
    compiled = _compile(directory, as_json=as_json, to_stderr=False, beside=deployment_errors(directory))
    if as_json:
        _print_json(_summary(compiled))
        return
    _warn(compiled)
    numbers = ((compiled.rules, "rule"), (compiled.layers, "layer"), (len(compiled.lock.accounts), "account"))
    click.echo(", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in numbers))


@policy.command("compile")
@CONFIG
@click.option("--output", type=click.File("wb", lazy=True), help="File for the bundle; standard output without it.")
@JSON
def compile_(directory: Path, output: IO[bytes] | None, *, as_json: bool) -> None:
    """Compile the policy files to the bundle that the functions use.

    The same files give the same bytes. With --json a summary is printed, and the bundle goes to --output only.
    """
    # Standard output may be the bundle: errors keep out of it.
    compiled = _compile(directory, as_json=as_json, to_stderr=True)
    if output is not None:
        try:
            output.write(compiled.data)
        except OSError as error:
            raise click.ClickException(f"{printable(output.name)} can't be written ({error.strerror})") from error
    if as_json:
        _print_json(_summary(compiled))
    elif output is None:
        click.echo(compiled.data, nl=False)
    else:
        click.echo(f"{compiled.digest}  {printable(output.name)}")


@policy.command("publish", help=_PUBLISH_HELP, short_help="Put the policy into force in a deployment.")
@CONFIG
@click.option(
    "--rollback",
    metavar="DIGEST",
    callback=_digest,
    help="Put an earlier bundle into force again, instead of the policy files.",
)
@JSON
def publish(directory: Path, rollback: str | None, *, as_json: bool) -> int:
    """Publish, print what is in force now and what was in force before, and return the exit code."""
    compiled = None if rollback else _compile(directory, as_json=as_json, to_stderr=True, code=BAD_USAGE)
    if compiled is not None and not as_json:
        _warn(compiled)

    def work(settings: DeploymentSettings) -> int:
        from hub.organization.hub_account import HubAccount
        from hub.organization.publishing import put_into_force

        now, before = put_into_force(
            HubAccount.enter(settings), data=compiled.data if compiled else None, rollback=rollback or ""
        )
        if as_json:
            warnings = [warning.to_json() for warning in compiled.warnings] if compiled else []
            _print_json({"schema": 1, "errors": [], "warnings": warnings, "digest": now, "before": before})
        else:
            click.echo(f"in force  {now}\nbefore    {before or 'nothing'}")
        return 0

    return with_settings(directory, work, as_json=as_json)


def _warn(compiled: Compiled) -> None:
    for warning in compiled.warnings:
        click.echo(f"warning: {printable(warning)}", err=True)


def _compile(
    directory: Path, *, as_json: bool, to_stderr: bool, beside: Sequence[Located] = (), code: int = FAILED
) -> Compiled:
    try:
        return _compiled(directory, beside)
    except PolicyErrors as error:
        if as_json:
            _print_json({"schema": 1, "errors": error.to_json()})
        else:
            for each in error.errors:
                click.echo(printable(str(each)), err=to_stderr)
            number = len(error.errors)
            click.echo(f"{number} error{'' if number == 1 else 's'}", err=to_stderr)
        raise click.exceptions.Exit(code) from error


def _compiled(directory: Path, beside: Sequence[Located]) -> Compiled:
    try:
        compiled = compile_config(directory, given=given_by(directory))
    except PolicyErrors as error:
        raise PolicyErrors([*error.errors, *beside]) from error
    if beside:
        raise PolicyErrors(beside)
    return compiled


def _summary(compiled: Compiled) -> dict[str, Any]:
    return {
        "schema": 1,
        "errors": [],
        "warnings": [warning.to_json() for warning in compiled.warnings],
        "digest": compiled.digest,
        "rules": compiled.rules,
        "layers": compiled.layers,
        "accounts": len(compiled.lock.accounts),
        "bytes": len(compiled.data),
    }


def _print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, indent=2))
