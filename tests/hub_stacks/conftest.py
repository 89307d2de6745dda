# SPDX-License-Identifier: Apache-2.0
"""One synthesis a partition for the whole session: CDK is imported in here alone, because that takes a second."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.made import settings
from tests.hub_stacks.synthesised import EVERYTHING, Synthesised

Synthesise = Callable[..., Synthesised]


@pytest.fixture(scope="session")
def synthesise(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synthesise]:
    """Give a function that synthesises sample settings with changes, checking them with cdk-nag."""
    with pytest.MonkeyPatch.context() as patch:
        # Node.js comes from pip and lies beside Python.
        patch.setenv("PATH", os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))

        def run(**changes: Any) -> Synthesised:
            return _run(tmp_path_factory.mktemp("cdk"), changes)

        yield run


def _run(directory: Path, changes: dict[str, Any]) -> Synthesised:
    import aws_cdk
    from cdk_nag import AwsSolutionsChecks

    from hub.stacks.app import build, new_app
    from hub.stacks.bundle import build_bundle

    made, code = settings(**changes), build_bundle(directory / "code")
    app = new_app(directory / "out")
    stacks = build(app, made, code)
    aws_cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    try:
        app.synth()
    except Exception:  # noqa: BLE001  # jsii has no class for it; what cdk-nag found is in its report
        assert (directory / "out" / "validation-report.json").exists()
    report = json.loads((directory / "out" / "validation-report.json").read_text(encoding="utf-8"))
    files = {stack.stack_name: directory / "out" / stack.template_file for stack in stacks.each()}
    return Synthesised(
        settings=made,
        templates={name: json.loads(path.read_text(encoding="utf-8")) for name, path in files.items()},
        files=files,
        directory=directory / "out",
        code=code,
        found=tuple(
            f"{violation['ruleName']} at {construct['constructPath']}"
            for plugin in report["pluginReports"]
            for violation in plugin["violations"]
            for construct in violation["violatingConstructs"]
        ),
    )


@pytest.fixture(scope="session")
def deployment(synthesise: Synthesise) -> Synthesised:
    """The sample deployment with everything in it."""
    return synthesise(**EVERYTHING)
