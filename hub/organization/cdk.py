# SPDX-License-Identifier: Apache-2.0
"""The CDK CLI, as a program that is started and watched. What it prints goes straight to the person.

package-lock.json pins the CLI, and the Node.js that it runs on comes from pip. The CLI sends data only to AWS: notices
and telemetry are off.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.organization.errors import NotThereError
from hub.organization.parts import DeployedStack

_STDERR = 2
APP = "hub.stacks.app"
CONFIG = "CORDON_CONFIG"
"""Variable by which the CDK app learns where the settings are."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the programs are: ``root`` is the project's folder."""

    root: Path

    @property
    def cdk(self) -> Path:
        """The CDK CLI."""
        return self.root / "node_modules" / ".bin" / "cdk"

    def search_path(self) -> str:
        """Return the PATH that Node.js is looked for in: beside this Python first."""
        return os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))


def project() -> Tools:
    """Return the tools of the checkout that this code is in."""
    return Tools(Path(__file__).resolve().parents[2])


def deploying(stacks: Sequence[DeployedStack], *, ask: bool) -> list[str]:
    """Return the arguments that deploy stacks; with ``ask`` the CDK shows what widens access and waits for a yes."""
    approval = "broadening" if ask else "never"
    called = [stack.construct for stack in stacks]
    return ["deploy", *called, "--exclusively", "--require-approval", approval]


def bootstrapping(account: str, region: str) -> list[str]:
    """Return the arguments that prepare a Region of an account for the CDK."""
    return ["bootstrap", f"aws://{account}/{region}"]


def run(tools: Tools, arguments: Sequence[str], config: Path, *, to_stderr: bool = False) -> int:
    """Run the CDK CLI, which prints to standard output (``to_stderr``: standard error), and return its exit code.

    Interrupted by the person, it ends by itself first: KeyboardInterrupt is raised after that. Raises NotThereError
    where the CLI is not installed.
    """
    if not tools.cdk.is_file():
        raise NotThereError(f"the CDK CLI is not at {tools.cdk}: make setup-deploy installs it")
    command = [str(tools.cdk), *arguments, "--app", shlex.join([sys.executable, "-m", APP]), "--no-notices"]
    sys.stdout.flush()  # what was printed before comes before
    child = subprocess.Popen(  # noqa: S603  # the arguments are made here, of names that were checked
        command, cwd=tools.root, env=_environment(tools, config), stdout=_STDERR if to_stderr else None
    )
    return _end_of(child)


def _end_of(child: subprocess.Popen[bytes]) -> int:
    """Wait for a program's end, however often the person interrupts: the terminal interrupts the program as well."""
    interrupted = False
    while True:
        try:
            code = child.wait()
        except KeyboardInterrupt:
            interrupted = True
            continue
        if interrupted:
            raise KeyboardInterrupt
        return code


def _environment(tools: Tools, config: Path) -> Mapping[str, str]:
    return {
        **os.environ,
        "PATH": tools.search_path(),
        CONFIG: str(config.resolve()),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }
