# SPDX-License-Identifier: Apache-2.0
"""The demonstration, run once for all tests that look at it."""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass
from typing import Any

import pytest

from hub.cli.commands.demo import FinishedDemo, run_demo
from hub.cli.invocation.logs import logs
from hub.policy.compile import compile_config
from tests.cli.running import CONFIG


@dataclass(frozen=True)
class Demonstration:
    """What ``cordon demo`` tells and what it prints with ``--json``; ``seconds``: how long all of it took."""

    shown: FinishedDemo
    report: str
    document: dict[str, Any]
    seconds: float


@pytest.fixture(scope="session")
def demonstration() -> Demonstration:
    began, stream = time.monotonic(), io.StringIO()
    with logs(shown=False):
        shown = run_demo(compile_config(CONFIG), CONFIG, stream)
    document = json.loads(json.dumps(shown.document()))
    return Demonstration(shown, stream.getvalue(), document, time.monotonic() - began)
