# SPDX-License-Identifier: Apache-2.0
"""Synthesises the deployment for a lab: the stacks of ``hub.stacks`` with the settings given, nothing changed.

A process of its own (``python -m hub.lab.synthesis CONFIG DIRECTORY`` with the lab's ids on standard input): CDK runs
Node, and neither has to stay in memory while the lab runs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hub.deployment.model import DeploymentSettings
from hub.deployment.read import read_settings
from hub.lab.errors import LabError, NotInstalledError

OPERATORS = "operators"
"""Name of the role in the hub that may assume the operator's, beside those that the settings name."""

ASSEMBLY = "assembly"
"""Where the cloud assembly is, in the directory that is given."""

_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Units:
    """Ids of a lab's organisation that the settings need: they are drawn when the lab starts."""

    canary: Sequence[str]
    rest: Sequence[str]
    root: str


def settings_for(settings: DeploymentSettings, units: Units) -> DeploymentSettings:
    """Return the settings with the ids of a lab's organisation in place of the real one's."""
    rollout = replace(settings.rollout, canary=tuple(units.canary), rest=tuple(units.rest))
    operators = (*settings.operators, f"arn:*:iam::{settings.hub}:role/{OPERATORS}")
    guard = replace(settings.guard, targets=(units.root,))
    return replace(settings, rollout=rollout, guard=guard, operators=operators)


def synthesise(config: Path, units: Units, to: Path) -> None:
    """Write the cloud assembly into a directory; raise NotInstalledError without CDK, LabError when it fails."""
    binaries = Path(sys.executable).parent
    path = os.pathsep.join([str(binaries), os.environ.get("PATH", "")])
    if shutil.which("node", path=path) is None:
        raise NotInstalledError("the lab needs Node.js for CDK, which is not installed: make setup-lab")
    ended = subprocess.run(  # noqa: S603 - this interpreter, with a module of this project
        [sys.executable, "-m", "hub.lab.synthesis", str(config), str(to)],
        input=json.dumps(asdict(units)),
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if "No module named 'aws_cdk'" in ended.stderr:
        raise NotInstalledError("the lab needs CDK, which is not installed: make setup-lab")
    if ended.returncode != 0:
        raise LabError(f"the stacks can't be synthesised: {ended.stderr[-_TAIL:]}")


def main() -> None:
    """Synthesise for what standard input says."""
    from hub.stacks.app import build, new_app
    from hub.stacks.bundle import build_bundle

    config, to = Path(sys.argv[1]), Path(sys.argv[2])
    settings = settings_for(read_settings(config), Units(**json.load(sys.stdin)))
    app = new_app(to / ASSEMBLY)
    build(app, settings, build_bundle(to / "code"))
    app.synth()


if __name__ == "__main__":
    main()
