# SPDX-License-Identifier: Apache-2.0
"""The ``cordon`` command: its group, and the border where every error becomes a message and an exit code.

Nothing slow is imported here: a subcommand's module is loaded when the subcommand runs.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

import click

from hub.cli.report.printable import printable

INTERRUPTED = 130
BROKEN_PIPE = 141
BUG = 70
"""Exit codes beside those of the subcommands; 2 is bad usage everywhere."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of a write without room; errors of files that are written by name have the name already."""

TRACEBACK = "CORDON_TRACEBACK"
"""Environment variable for finding a bug in Cordon itself."""

_SUBCOMMANDS = {
    "demo": ("hub.cli.commands.demo", "demo", "Watch Cordon contain a host in a simulated organisation."),
    "simulate": ("hub.cli.commands.simulate", "simulate", "What would Cordon do with these findings?"),
    "lab": ("hub.cli.commands.lab", "lab", "A cloud on this machine, with IAM enforced and Cordon deployed in it."),
    "policy": ("hub.cli.commands.policy", "policy", "Check, compile and publish the policy files."),
    "organization": (
        "hub.cli.commands.organization",
        "organization",
        "Deploy Cordon into an organisation, or remove it.",
    ),
    "incidents": ("hub.cli.commands.incidents", "incidents", "List the incidents of a deployment."),
    "release": ("hub.cli.commands.release", "release", "Release an incident's host: put it back as it was."),
    "switch": ("hub.cli.commands.switch", "switch", "The kill switch: make Cordon only observe, or act again."),
}
"""Module, name and summary of each subcommand, in the order in which people need them."""


class Cordon(click.Group):
    """A group that loads its subcommands late and never prints a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the subcommands in the order in which people need them."""
        del ctx
        return list(_SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a subcommand; None if there is none of that name."""
        if cmd_name not in _SUBCOMMANDS:
            return super().get_command(ctx, cmd_name)
        module, name, _ = _SUBCOMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without loading them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in _SUBCOMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand, and flush: what can't be written must not show up after the exit code is given."""
        try:
            outcome = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _forget_output()  # the reader has closed its end
            return BROKEN_PIPE
        except (click.ClickException, click.exceptions.Exit, click.Abort, KeyboardInterrupt, EOFError):
            raise
        except Exception as error:  # the outermost border: a person gets a sentence, whatever happened
            if os.environ.get(TRACEBACK):
                raise
            if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
                _forget_output()
                message = f"standard output can't be written ({error.strerror})"
                raise click.ClickException(message) from error
            raise _Bug(error) from error
        return outcome

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        """Run, and exit: 0, what the subcommand says, 2 for bad usage, 130 when interrupted."""
        given = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        try:
            outcome = super().main(given, *rest, **extra)
        except click.Abort:
            sys.exit(INTERRUPTED)
        except click.ClickException as error:
            _report(error, as_json=_wants_json(given))
            sys.exit(error.exit_code)
        sys.exit(outcome if isinstance(outcome, int) else 0)


def _forget_output() -> None:
    """Discard output that could not be written: the interpreter would complain when it flushes at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Bug(click.ClickException):
    """An error that Cordon did not expect: printed in one line, because a traceback helps only its authors."""

    exit_code = BUG

    def __init__(self, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        super().__init__(
            f"this is a bug in Cordon, please report it: {type(error).__name__}: {error}{place}. "
            f"{TRACEBACK}=1 shows the whole traceback."
        )


def _report(error: click.ClickException, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"schema": 1, "errors": [{"message": printable(error.format_message())}]}, indent=2))
        return
    context = getattr(error, "ctx", None)
    if isinstance(error, click.UsageError) and context is not None:
        click.echo(f"{context.get_usage()}\nTry '{context.command_path} --help'.\n", err=True)
    message = printable(error.format_message(), keep="\n")
    click.echo(f"Error: {message}", err=True)


def _wants_json(args: Sequence[str]) -> bool:
    options = args[: args.index("--")] if "--" in args else args
    return "--json" in options


def _version() -> str:
    try:
        return version("cordon")
    except PackageNotFoundError:
        return "unknown"


@click.group(cls=Cordon, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), message="cordon %(version)s")
def main() -> None:
    """Contain compromised EC2 instances across an AWS organisation.

    Cordon takes GuardDuty findings in, decides by your policy what to do about each, and takes the host out of
    service and off the network, protects and snapshots it, and denies its role and users. demo, simulate, policy
    check and policy compile run on this machine alone: no AWS account is needed and none is touched. The rest
    reaches for a deployment, with your credentials.
    """
