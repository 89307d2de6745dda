# SPDX-License-Identifier: Apache-2.0
"""What the intake logs, as CloudWatch would keep it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from functions.log import LOGGER, JsonFormatter


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Return the stream that every log line goes to."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    level = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    yield stream
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(level)
