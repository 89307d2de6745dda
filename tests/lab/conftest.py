# SPDX-License-Identifier: Apache-2.0
"""One lab for all tests that are marked ``lab``: brought up once, with the deployment's own templates in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.lab.lab import Lab, up
from tests.lab.fixture import LabFixture

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config) -> Iterator[Lab]:
    began = time.monotonic()
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    capture = pytestconfig.pluginmanager.get_plugin("capturemanager")

    def tell(text: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.write_line(f"{time.monotonic() - began:6.1f} s  {text}")

    with up(CONFIG, tell, port=0) as running:
        yield running


@pytest.fixture(scope="session")
def lab_fixture(lab: Lab) -> LabFixture:
    return LabFixture(lab)
