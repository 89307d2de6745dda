# SPDX-License-Identifier: Apache-2.0
"""Exit codes and errors: bad usage runs nothing, and says what was wrong in words or as a document."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import hub.cli.main as command
from hub.deployment.regions import partitions
from hub.simulation.regions import known_regions
from tests.cli.contract import ERRORS, problems
from tests.cli.running import C2, CONFIG, ROOT, cordon, document_of, simulate

BAD_USAGE = {
    "no file": ((), "Missing argument 'FILE...'"),
    "missing file": (("nowhere.json",), "nowhere.json: can't be read: No such file or directory"),
    "directory": ((ROOT,), "can't be read: Is a directory"),
    "unknown option": ((C2, "--loud"), "No such option '--loud'"),
    "missing world": ((C2, "--world", "nowhere.yaml"), "File 'nowhere.yaml' does not exist"),
    "missing config": ((C2, "--config", "/nowhere"), "Directory '/nowhere' does not exist"),
    "world that is none": ((C2, "--world", C2), "classic-c2-dns.json:7:11: time: there is no such key"),
    "ou and world": ((C2, "--ou", "/", "--world", C2), "give either --ou or --world"),
    "relative ou": ((C2, "--ou", "Workloads/Prod"), "did you mean '/Workloads/Prod'?"),
    "ou with a gap": ((C2, "--ou", "/Workloads//Prod"), "did you mean '/Workloads/Prod'?"),
    "no time": ((C2, "--now", "yesterday"), "'yesterday' is no time in ISO 8601"),
    "no likely time": ((C2, "--now", "1901-01-01"), "not between 2000 and 2100"),
    "no deliveries": ((C2, "--deliveries", "0"), "0 is not in the range"),
    "too many at once": ((C2, "--parallel", "101"), "101 is not in the range"),
    "negative latency": ((C2, "--latency-ms", "-1"), "-1 is not in the range"),
    "fault that is none": ((C2, "--fault", "boom"), "write SERVICE:Operation=WHAT"),
    "unknown service": ((C2, "--fault", "ec3:CreateTags=AccessDenied"), "did you mean ec2?"),
    "unknown operation": ((C2, "--fault", "ec2:CreateTag=AccessDenied"), "did you mean CreateTags?"),
}


@pytest.mark.parametrize(("arguments", "said"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_is_told_on_standard_error(arguments: tuple[object, ...], said: str) -> None:
    result = simulate(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(("arguments", "said"), BAD_USAGE.values(), ids=BAD_USAGE)
def test_bad_usage_is_a_document_with_json(arguments: tuple[object, ...], said: str) -> None:
    result = simulate(*arguments, "--json")

    document = document_of(result)
    assert (result.exit_code, problems(document, ERRORS)) == (2, [])
    assert said in " ".join(error["message"] for error in document["errors"])


def test_every_fault_that_is_wrong_is_told_at_once() -> None:
    document = document_of(simulate(C2, "--json", "--fault", "x", "--fault", "y"))

    assert [error["message"].split(":")[0] for error in document["errors"]] == ["fault 'x'", "fault 'y'"]


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Return a policy that does not compile."""
    config = tmp_path / "config"
    config.mkdir()
    for name in ("organization.yaml", "organization.lock.json"):
        (config / name).write_text((CONFIG / name).read_text().replace("\nmode: observe", "\nmode: observed", 1))
    return config


@pytest.mark.parametrize("arguments", [("simulate", C2), ("demo",)], ids=lambda arguments: arguments[0])
def test_a_policy_that_does_not_compile_runs_nothing(broken: Path, arguments: tuple[object, ...]) -> None:
    told = cordon(*arguments, "--config", broken)
    document = document_of(cordon(*arguments, "--config", broken, "--json"))

    assert (told.exit_code, told.stdout) == (2, "")
    assert "organization.yaml:9:7: mode: 'observed'" in told.stderr
    assert problems(document, ERRORS) == []
    (error,) = document["errors"]
    assert (error["line"], error["column"], error["path"], error["hint"]) == (9, 7, "mode", "observe")


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 141, ""),
        (KeyError("x"), 70, "Error: this is a bug in Cordon, please report it: KeyError: 'x'"),
        (click.UsageError("not so"), 2, "Error: not so"),
    ],
    ids=["interrupted", "reader gone", "bug", "usage"],
)
def test_nobody_gets_a_traceback(monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, said: str) -> None:
    @click.command("demo")
    def demo() -> None:
        raise raised

    monkeypatch.setattr(command.Cordon, "get_command", lambda *_: demo)
    result = cordon("demo")

    assert (result.exit_code, result.stdout) == (code, "")
    assert "Traceback" not in result.stderr
    assert said in result.stderr
    assert bool(result.stderr.strip()) is bool(said)


def test_who_looks_for_a_bug_gets_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command("demo")
    def demo() -> None:
        raise KeyError("x")

    monkeypatch.setattr(command.Cordon, "get_command", lambda *_: demo)
    monkeypatch.setenv(command.TRACEBACK, "1")

    with pytest.raises(KeyError):
        cordon("demo")


ENVIRONMENTS = {"AWS_PROFILE": "nonsense", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_USE_FIPS_ENDPOINT": "true"}
OFFLINE = (
    ("policy", "check"),
    ("policy", "compile"),
    ("organization", "costs"),
    ("organization", "template"),
    ("simulate", C2),
)


@pytest.mark.parametrize("command", OFFLINE, ids=lambda command: " ".join(map(str, command[:2])))
def test_what_runs_on_this_machine_alone_goes_by_nobodys_settings_of_aws(
    monkeypatch: pytest.MonkeyPatch, command: tuple[object, ...]
) -> None:
    partitions.cache_clear()
    known_regions.cache_clear()
    for name, value in ENVIRONMENTS.items():
        monkeypatch.setenv(name, value)
    config = () if command[1] == "costs" else ("--config", CONFIG)
    result = cordon(*command, *config)

    assert (result.exit_code, result.stderr) == (0, "")
    assert {name: os.environ[name] for name in ENVIRONMENTS} == ENVIRONMENTS


@pytest.mark.parametrize("command", [("organization", "costs"), ("policy", "compile")], ids=" ".join)
def test_a_full_disk_is_told(command: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, "-c", "from hub.cli.main import main; main()", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=ROOT,
        )

    assert (run.returncode, run.stderr) == (1, "Error: standard output can't be written (No space left on device)\n")
