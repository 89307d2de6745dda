# SPDX-License-Identifier: Apache-2.0
"""``cordon policy``: check and compile the policy files.

Exit codes: 0 it compiles, 1 it does not, 2 bad usage.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

import click

from hub.policy.compile import Compiled, compile_config
from hub.policy.errors import PolicyErrors

_CONFIG = click.option(
    "--config",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("config"),
    show_default=True,
    help="Directory of the policy files.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")


@click.group("policy")
def policy() -> None:
    """Check and compile the policy files.

    They say which findings are answered, how far and how. config/README.md explains every key.
    """


@policy.command("check")
@_CONFIG
@_JSON
def check(directory: Path, *, as_json: bool) -> None:
    """Tell everything that is wrong with the policy files.

    Each error is one line, FILE:LINE:COLUMN: PATH: WHAT. Without errors, a summary.
    """
    compiled = _compile(directory, as_json=as_json, to_stderr=False)
    if as_json:
        _print_json(_summary(compiled))
        return
    for warning in compiled.warnings:
        click.echo(f"warning: {_plain(str(warning))}", err=True)
    numbers = ((compiled.rules, "rule"), (compiled.layers, "layer"), (len(compiled.lock.accounts), "account"))
    click.echo(", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in numbers))


@policy.command("compile")
@_CONFIG
@click.option("--output", type=click.File("wb", lazy=True), help="File for the bundle; standard output without it.")
@_JSON
def compile_(directory: Path, output: IO[bytes] | None, *, as_json: bool) -> None:
    """Compile the policy files to the bundle that the functions act by.

    The same files give the same bytes. With --json a summary is printed, and the bundle goes to --output only.
    """
    # Standard output may be the bundle: errors keep out of it.
    compiled = _compile(directory, as_json=as_json, to_stderr=True)
    if output is not None:
        try:
            output.write(compiled.data)
        except OSError as error:
            raise click.ClickException(f"{_plain(output.name)} can't be written ({error.strerror})") from error
    if as_json:
        _print_json(_summary(compiled))
    elif output is None:
        click.echo(compiled.data, nl=False)
    else:
        click.echo(f"{compiled.digest}  {_plain(output.name)}")


def _compile(directory: Path, *, as_json: bool, to_stderr: bool) -> Compiled:
    try:
        return compile_config(directory)
    except PolicyErrors as error:
        if as_json:
            _print_json({"schema": 1, "errors": error.to_json()})
        else:
            for each in error.errors:
                click.echo(_plain(str(each)), err=to_stderr)
            number = len(error.errors)
            click.echo(f"{number} error{'' if number == 1 else 's'}", err=to_stderr)
        raise click.exceptions.Exit(1) from error


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


def _plain(text: str) -> str:
    """Return text without what a terminal would act on: a policy file may hold anything."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
