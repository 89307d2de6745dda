# SPDX-License-Identifier: Apache-2.0
"""Starts the lab's process and ends it. The process listens only on loopback, and ends with the one that started it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Self

from hub.lab import door
from hub.lab.errors import LabError, NotInstalledError, NotRunningError, PortError
from hub.lab.organization import LabWorld

HOST = "127.0.0.1"
DEFAULT_PORT = 4570
EMULATORS = {"ministack": "1.5.33", "moto": "5.2.5"}
"""The lab uses private names of these packages, hence the exact versions."""

_START_SECONDS = 60
_STOP_SECONDS = 10
_TAIL = 2000


class LabProcess:
    """A running lab. ``endpoint`` is the address for every client; use it in a ``with`` block."""

    def __init__(self, process: subprocess.Popen[str], endpoint: str, log: Path) -> None:
        self._process = process
        self.endpoint = endpoint
        self.log = log

    @classmethod
    def start(cls, world: LabWorld, log: Path, port: int = DEFAULT_PORT) -> Self:
        """Start a lab and wait until it answers; raise NotInstalledError, PortError or LabError."""
        check_installed()
        port = _free(port)
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(  # noqa: S603 - this interpreter, with a module of this project
                [sys.executable, "-m", "hub.lab.emulator.server", str(port)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(log.parent)},  # where it puts the functions' code
                text=True,
            )
        lab = cls(process, f"http://{HOST}:{port}", log)
        try:
            lab._begin(world)
        except BaseException:
            lab.stop()
            raise
        return lab

    def _begin(self, world: LabWorld) -> None:
        entry = self._process.stdin
        if entry is None:
            raise LabError("the lab's process has no standard input")
        entry.write(world.dumps() + "\n")
        entry.flush()
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise LabError(f"the lab ended while it started: {self.log.read_text(encoding='utf-8')[-_TAIL:]}")
            try:
                door.about(self.endpoint)
            except NotRunningError:
                time.sleep(0.1)
            else:
                return
        raise LabError(f"the lab did not answer within {_START_SECONDS} seconds; its log is {self.log}")

    def stop(self) -> None:
        """End the process. It ends by itself when its standard input closes, with those whom it started."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait(self) -> int:
        """Wait until the process ends by itself, and return its exit code."""
        return self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def check_installed() -> None:
    """Raise NotInstalledError unless the emulators are here in the versions that the lab was written for."""
    for package, wanted in EMULATORS.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            raise NotInstalledError(
                f"the lab needs {package} {wanted}, which is not installed: make setup-lab"
            ) from None
        if found != wanted:
            raise NotInstalledError(f"the lab needs {package} {wanted}, and {found} is installed: make setup-lab")


def _free(port: int) -> int:
    """Return the port if nothing listens there, or for 0 one that is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortError(
                f"port {port} of {HOST} can't be used ({error.strerror}): end what listens there, or give --port"
            ) from error
        return int(probe.getsockname()[1])
