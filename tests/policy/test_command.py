# SPDX-License-Identifier: Apache-2.0
"""``cordon policy``, as a person and as a program see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from functions.policy.bundle import Bundle
from hub.cli.commands.policy import policy
from tests.policy.made import configuration

SMALL = str(Path(__file__).parent / "small" / "config")
BROKEN = 'version: 1\nmode: "\\e[31mred"\n'


def test_check_sums_up() -> None:
    result = CliRunner().invoke(policy, ["check", "--config", SMALL])
    assert (result.exit_code, result.output) == (0, "2 rules, 3 layers, 2 accounts\n")


def test_check_tells_every_error_with_nothing_for_the_terminal_to_act_on(tmp_path: Path) -> None:
    root = configuration(tmp_path, {"organization.yaml": BROKEN + "max_age: x\n"})
    result = CliRunner().invoke(policy, ["check", "--config", str(root)])
    assert result.exit_code == 1
    first, second, number = result.stdout.splitlines()
    assert first == f"{root}/organization.yaml:2:7: mode: '\\x1b[31mred' is none of off, observe, approve, enforce"
    assert second.startswith(f"{root}/organization.yaml:3:10: max_age: 'x' is not a time span")
    assert number == "2 errors"


@pytest.mark.parametrize("command", ["check", "compile"])
def test_errors_as_json(tmp_path: Path, command: str) -> None:
    root = configuration(tmp_path, {"organization.yaml": BROKEN})
    result = CliRunner().invoke(policy, [command, "--json", "--config", str(root)])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    (error,) = document["errors"]
    assert (document["schema"], error["line"], error["column"], error["path"]) == (1, 2, 7, "mode")


def test_compile_to_standard_output_and_to_a_file(tmp_path: Path) -> None:
    to_stdout = CliRunner().invoke(policy, ["compile", "--config", SMALL])
    target = tmp_path / "bundle.json"
    to_file = CliRunner().invoke(policy, ["compile", "--config", SMALL, "--output", str(target)])
    assert (to_stdout.exit_code, to_file.exit_code) == (0, 0)
    assert to_stdout.stdout_bytes == target.read_bytes()
    assert to_file.stdout == f"{Bundle.loads(target.read_bytes()).digest}  {target}\n"


def test_compile_as_json() -> None:
    result = CliRunner().invoke(policy, ["compile", "--json", "--config", SMALL])
    document = json.loads(result.stdout)
    assert (document["errors"], document["rules"], document["layers"], document["accounts"]) == ([], 2, 3, 2)


def test_errors_keep_out_of_the_bundle(tmp_path: Path) -> None:
    root = configuration(tmp_path, {"organization.yaml": BROKEN})
    result = CliRunner().invoke(policy, ["compile", "--config", str(root)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "organization.yaml:2:7" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["check", "--config", "nowhere"], ["compile", "--output", "/nowhere/x", "--config", SMALL]]
)
def test_bad_usage_is_told_without_a_traceback(arguments: list[str]) -> None:
    result = CliRunner().invoke(policy, arguments)
    assert result.exit_code in {1, 2}
    assert result.stderr.splitlines()[-1].startswith("Error: ")
