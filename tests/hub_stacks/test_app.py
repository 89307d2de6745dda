# SPDX-License-Identifier: Apache-2.0
"""The app as ``cdk.json`` starts it: offline, without Docker, the same as in every other test, errors in words."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CONFIG
from tests.hub_stacks.conftest import Synthesise

ROOT = CONFIG.parent
NOWHERE = "http://127.0.0.1:9"


UNPACKED = Path.home() / ".cache" / "aws" / "jsii" / "package-cache"
"""Where CDK keeps its library unpacked, 200 MB: what was unpacked for the other tests serves here too."""


def start(module: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a module where nothing but what lies beside Python can be found, and no host can be reached."""
    path = str(Path(sys.executable).parent)
    assert shutil.which("docker", path=path) is None
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={
            "PATH": path,
            "HOME": str(tmp_path),
            "CDK_OUTDIR": str(tmp_path / "out"),
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(UNPACKED),
            "HTTPS_PROXY": NOWHERE,
            "HTTP_PROXY": NOWHERE,
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_needs_neither_network_nor_docker_and_makes_the_same(tmp_path: Path, synthesise: Synthesise) -> None:
    expected = synthesise()
    done = start("hub.stacks.app", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for path in expected.files.values():
        assert (tmp_path / "out" / path.name).read_text(encoding="utf-8") == path.read_text(encoding="utf-8")
    assert not [path for path in (tmp_path / "out").rglob("*") if "__pycache__" in path.parts]


def test_wrong_settings_are_told_and_nothing_is_made(
    tmp_path: Path, synthesise: Synthesise, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synthesise  # Node.js is found by its fixture
    from hub.stacks.app import main

    config = tmp_path / "config"
    shutil.copytree(CONFIG, config)
    text = (config / "deployment.yaml").read_text(encoding="utf-8").replace("qualifier: cordon", "qualifier: Cordon")
    (config / "deployment.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("CORDON_CONFIG", str(config))
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path / "out"))
    assert main() == 1
    told = capsys.readouterr().err
    assert told.startswith(f"{config}/deployment.yaml:7:12: qualifier: 'Cordon' is not a qualifier")
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_cdk_json_starts_it_and_sends_nothing() -> None:
    settings = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))
    assert settings["app"].split() == [".venv/bin/python", "-m", "hub.stacks.app"]
    assert settings["versionReporting"] is settings["notices"] is settings["context"]["cli-telemetry"] is False


def test_the_figures_can_be_measured_again(tmp_path: Path, synthesise: Synthesise) -> None:
    assert synthesise  # Node.js is found by its fixture
    from hub.stacks.figures import measure

    figures = dict(measure(CONFIG, tmp_path))
    assert list(figures) == [
        "import",
        "synthesis",
        "bundle",
        "member template",
        "template of cordon-hub",
        "template of cordon-members",
        "template of cordon-forwarder-us-east-1",
    ]
    assert int(figures["bundle"].split()[0]) < 1_000_000
