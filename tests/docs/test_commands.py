# SPDX-License-Identifier: Apache-2.0
"""Every command, option and task that the documents show exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from hub.cli.main import main
from hub.simulation.faults import parse_fault
from tests.docs.pages import PAGES, ROOT, fenced, name, prose, table, text, words

_START = re.compile(r"(?:^|\| )(?:\.venv/bin/)?cordon ")


def shown() -> Iterator[tuple[str, str]]:
    """Yield (page, command line without ``cordon``) for every use in a block or in backquotes."""
    for page in map(name, PAGES):
        lines = [line for block in fenced(page) for line in block.splitlines()]
        for line in (*lines, *sorted(words(prose(page)))):
            found = _START.search(line)
            if found is not None:
                yield page, line[found.end() :].partition("  #")[0].strip()


SHOWN = sorted(set(shown()))


def subcommands(command: click.Command, context: click.Context) -> dict[str, click.Command]:
    if not isinstance(command, click.Group):
        return {}
    found = {each: command.get_command(context, each) for each in command.list_commands(context)}
    return {each: sub for each, sub in found.items() if sub is not None}


def commands() -> dict[str, click.Command]:
    """Return every command by its words: ``policy check`` and the like."""
    found: dict[str, click.Command] = {}
    waiting: list[tuple[str, click.Command]] = [("", main)]
    while waiting:
        path, command = waiting.pop()
        found[path] = command
        context = click.Context(command)
        waiting += [(f"{path} {each}".strip(), sub) for each, sub in subcommands(command, context).items()]
    return found


COMMANDS = commands()


def options(command: click.Command) -> set[str]:
    return {option for parameter in command.get_params(click.Context(command)) for option in parameter.opts}


def test_there_are_commands_to_look_at() -> None:
    assert {"demo", "simulate", "policy check", "policy compile"} <= set(COMMANDS)
    assert len(SHOWN) > 10


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_a_command_that_is_shown_exists(page: str, line: str) -> None:
    del page
    given = shlex.split(line)
    path = ""
    while given and f"{path} {given[0]}".strip() in COMMANDS:
        path = f"{path} {given.pop(0)}".strip()
    assert path or given == ["--help"], "no such command"
    known = options(COMMANDS[path])
    assert [each for each in given if each.startswith("--") and each.partition("=")[0] not in known] == []
    faults = [given[number + 1] for number, each in enumerate(given[:-1]) if each == "--fault"]
    assert all(parse_fault(fault) for fault in faults)
    files = [each for each in given if "/" in each and each.endswith((".json", ".yaml"))]
    assert [each for each in files if not (ROOT / each).is_file()] == []


def test_the_guide_names_every_option_of_simulate() -> None:
    named = set(table("docs/guide/simulate.md", "option"))
    assert named == {option for option in options(COMMANDS["simulate"]) if option.startswith("--")} - {"--help"}


def test_every_command_is_in_the_table_and_the_table_has_no_other() -> None:
    leaves = {f"cordon {path}" for path, command in COMMANDS.items() if path and not isinstance(command, click.Group)}
    assert set(table("docs/guide/operations.md", "command")) == leaves


def test_every_task_is_described_and_every_described_task_exists() -> None:
    makefile = text("Makefile")
    tasks = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    named = {
        task
        for page in map(name, PAGES)
        for part in (*words(prose(page)), *(line for block in fenced(page) for line in block.splitlines()))
        for task in re.findall(r"^make ([a-z-]+)$", part)
    }
    assert named == tasks


def test_the_summary_of_the_policy_is_what_the_check_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(main, ["policy", "check"])
    assert f"`{result.stdout.strip()}`" in text("docs/guide/policy.md")
