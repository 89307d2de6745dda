# SPDX-License-Identifier: Apache-2.0
"""The help of every command: there, readable in 80 columns, and quick to come."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from hub.cli.main import main
from tests.cli.running import cordon

SLOW = ("moto", "boto3", "botocore", "pydantic", "rich", "yaml")


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, name
            found += _commands(child, (*path, name))
    return found


@pytest.mark.parametrize("path", _commands(main), ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    result = cordon(*path, "--help")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: {' '.join(('main', *path))}")
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert result.stderr == ""


def test_commands_come_in_the_order_of_need() -> None:
    shown = cordon("--help").stdout.partition("Commands:")[2]

    names = [line.split()[0] for line in shown.splitlines() if line.startswith("  ") and line[2] != " "]
    assert names == ["demo", "simulate", "lab", "policy", "organization", "incidents", "release", "switch"]


def test_every_exit_code_is_in_the_help() -> None:
    assert all(f"\n    {code}  " in cordon("simulate", "--help").stdout for code in (0, 1, 2))


def test_help_loads_nothing_slow() -> None:
    script = (
        "import sys\n"
        "from hub.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"print([name for name in {SLOW!r} if name in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert run.stderr.strip() == "[]"


def test_version() -> None:
    assert cordon("--version").stdout.startswith("cordon ")
