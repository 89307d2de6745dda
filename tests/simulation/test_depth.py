# SPDX-License-Identifier: Apache-2.0
"""Which calls ran side by side can be told from the record, at the latency that the contract names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hub.simulation.simulation import Simulation
from tests.simulation.worlds import world


def depth(calls: Sequence[dict[str, Any]]) -> int:
    """The greatest depth, as the contract of the simulation defines it."""
    depths: dict[int, int] = {}
    for call in calls:
        before = [depths[other["n"]] for other in calls if other["end_ms"] < call["start_ms"] and other["n"] in depths]
        depths[call["n"]] = 1 + max(before, default=0)
    return max(depths.values())


def test_four_stages_of_four_calls_have_depth_four() -> None:
    with Simulation(world(), latency_ms=50) as simulation:
        pool = simulation.runtime().pool
        client = simulation.session.client("sts")
        client.get_caller_identity()
        call: Callable[[], Any] = client.get_caller_identity
        with simulation.delivering(1):
            for _ in range(4):
                pool.all([call] * 4)
    assert len(simulation.calls) == 16
    assert depth(simulation.calls) == 4


def test_calls_one_after_the_other_each_add_one() -> None:
    with Simulation(world(), latency_ms=50) as simulation, simulation.delivering(1):
        client = simulation.session.client("sts")
        for _ in range(3):
            client.get_caller_identity()
    assert depth(simulation.calls) == 3
    assert simulation.calls[-1]["end_ms"] < 400
