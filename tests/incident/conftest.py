# SPDX-License-Identifier: Apache-2.0
"""An empty table. Faults meet only what is called while a delivery is in hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.conftest import NewScenario
from tests.incident.made import Table

Tables = Callable[..., Table]


@pytest.fixture
def table_with(new_scenario: NewScenario) -> Iterator[Tables]:
    """Open a table with these faults in front of it, and a delivery that meets them."""
    with ExitStack() as stack:

        def start(*faults: str) -> Table:
            scenario = new_scenario(faults=faults, warm=False)
            stack.enter_context(scenario.simulation.delivering(1))
            return Table(scenario)

        yield start


@pytest.fixture
def table(table_with: Tables) -> Table:
    return table_with()
