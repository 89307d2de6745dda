# SPDX-License-Identifier: Apache-2.0
"""``cordon lab``: what it says when something is in the way, without a lab; and, with one, a finding followed."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub.cli.main import main
from hub.deployment.read import read_settings
from hub.lab import door, process
from hub.lab.assembly import read_assembly
from hub.lab.errors import LabError, NotInstalledError, NotRunningError
from hub.lab.organization import LabWorld
from hub.lab.process import LabProcess, check_installed
from hub.policy.lock import read_lock
from tests.lab.fixture import ROOT, LabFixture

FINDING = str(ROOT / "hub/demo/findings/command-and-control.json")


def run(*arguments: str, entered: str | None = None) -> Result:
    return CliRunner().invoke(main, ["lab", *arguments], input=entered)


NOT_FINDINGS = {
    "no JSON": ("{", "no JSON object"),
    "no event": ("{}", "not a finding"),
    "another event": (
        json.dumps({"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification", "detail": {}}),
        "not a finding",
    ),
    "several": ("[{}, {}]", "2 events"),
    "nothing": ("", "has no event"),
}


@pytest.mark.parametrize("case", NOT_FINDINGS)
def test_what_is_no_finding_is_refused_before_anything_is_sent(case: str) -> None:
    text, told = NOT_FINDINGS[case]
    result = run("finding", "-", entered=text)
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stdout == ""


def test_a_file_that_is_not_there() -> None:
    result = run("finding", "missing.json", "--json")
    assert result.exit_code == 2
    assert "missing.json: can't be read" in json.loads(result.stdout)["errors"][0]["message"]


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        pytest.param("http://127.0.0.1:1", "no lab answers at http://127.0.0.1:1: ", marks=pytest.mark.lab),
        ("https://securityhub.eu-west-1.amazonaws.com", "not on this machine"),
        ("http://127.0.0.1:1@example.com", "not on this machine"),
        ("http://localhost:x", "not on this machine"),
    ],
)
def test_no_lab_is_running(endpoint: str, told: str) -> None:
    result = run("finding", FINDING, "--endpoint", endpoint)
    assert result.exit_code == 1
    assert told in result.stderr


def test_the_settings_are_wrong(tmp_path: Path) -> None:
    result = run("up", "--config", str(tmp_path))
    assert result.exit_code == 2
    assert "nothing was run" in result.stderr


def test_the_emulators_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(process, "version", missing)
    with pytest.raises(
        NotInstalledError, match=r"the lab needs ministack 1\.5\.33, which is not installed: make setup-lab"
    ):
        check_installed()


def test_the_emulators_are_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "version", lambda _: "9.9.9")
    with pytest.raises(NotInstalledError, match=r"needs ministack 1\.5\.33, and 9\.9\.9 is installed: make setup-lab"):
        check_installed()


def test_a_directory_is_no_assembly(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no cloud assembly"):
        read_assembly(tmp_path)


def test_stacks_come_after_what_they_depend_on(tmp_path: Path) -> None:
    def stack(name: str, *needed: str) -> dict[str, object]:
        (tmp_path / f"{name}.json").write_text("{}", encoding="utf-8")
        return {
            "type": "aws:cloudformation:stack",
            "environment": "aws://111122223333/eu-west-1",
            "properties": {"templateFile": f"{name}.json"},
            "dependencies": list(needed),
        }

    artifacts = {"c": stack("c", "b"), "b": stack("b", "a"), "a": stack("a")}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}), encoding="utf-8")
    assert [each.name for each in read_assembly(tmp_path)] == ["a", "b", "c"]


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


@pytest.mark.lab
def test_the_port_is_in_use(taken: int) -> None:
    result = run("up", "--config", str(ROOT / "config"), "--port", str(taken))
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: port {taken} of 127.0.0.1 can't be used (Address already in use): "
        "end what listens there, or give --port\n"
    )


@pytest.mark.lab
def test_what_listens_there_is_no_lab() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        result = run("finding", FINDING, "--endpoint", f"http://127.0.0.1:{other.server_port}")
        other.shutdown()
    assert result.exit_code == 1
    assert "is not a lab" in result.stderr


@pytest.mark.lab
def test_cordon_is_not_deployed_yet(lab_fixture: LabFixture, tmp_path: Path) -> None:
    with LabProcess.start(lab_fixture.lab.world, tmp_path / "lab.log", 0) as empty:
        result = run("finding", FINDING, "--endpoint", empty.endpoint)
        assert result.exit_code == 1
        assert "not deployed" in result.stderr
        endpoint = empty.endpoint
    with pytest.raises(NotRunningError):
        door.about(endpoint)


@pytest.mark.lab
def test_a_finding_is_followed(lab_fixture: LabFixture) -> None:
    host = lab_fixture.new_host()
    result = run("finding", FINDING, "--instance", host.instance, "--endpoint", lab_fixture.lab.endpoint, "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert (told["schema"], told["outcome"], told["how"]) == (1, "acted", "imported into Security Hub")
    (incident,) = told["incidents"]
    assert (incident["instance"], incident["state"]) == (host.instance, "contained")
    again = run("finding", FINDING, "--instance", host.instance, "--endpoint", lab_fixture.lab.endpoint)
    assert again.exit_code == 0
    assert "merged" in again.stdout
    assert incident["id"] in again.stdout


@pytest.mark.lab
def test_an_instance_that_the_lab_does_not_have(lab_fixture: LabFixture) -> None:
    result = run("finding", FINDING, "--instance", "i-0123456789abcdef0", "--endpoint", lab_fixture.lab.endpoint)
    assert result.exit_code == 2
    assert "the lab has no host i-0123456789abcdef0" in result.stderr


def test_the_world_survives_its_journey() -> None:
    world = LabWorld.of(read_lock(ROOT / "config"), read_settings(ROOT / "config"))
    assert LabWorld.loads(world.dumps()) == world
    canary, rest = world.rollout()
    assert (canary, rest) == (["/Sandbox"], ["/Security", "/Workloads/Dev", "/Workloads/Prod"])
