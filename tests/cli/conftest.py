# SPDX-License-Identifier: Apache-2.0
"""The demonstration, played once for all tests that look at it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.cli.running import CONFIG, cordon, document_of


@pytest.fixture(scope="session")
def demonstration() -> dict[str, Any]:
    """The document of ``cordon demo --json``, with ``real_seconds`` for how long the whole command took."""
    began = time.monotonic()
    document = document_of(cordon("demo", "--config", CONFIG, "--json"))
    return {**document, "real_seconds": time.monotonic() - began}
