# SPDX-License-Identifier: Apache-2.0
"""The figure that the product is built around, recomputed from the recorded calls at 50 ms."""

from __future__ import annotations

from typing import Any

import pytest

from hub.simulation.run import SimulationRequest, SimulationResult, run
from hub.simulation.world_spec import Eni
from tests.end_to_end.hosts import HOST, NEIGHBOUR, bundle, event, host, world

LATENCY_MS = 50


def recomputed(ended: SimulationResult, delivery: int) -> int:
    """Compute the greatest depth among the isolating swaps of a delivery, by the definition and nothing else."""
    calls = [call for call in ended.calls if call["delivery"] == delivery]

    def depth(call: dict[str, Any]) -> int:
        before = [each for each in calls if each["end_ms"] < call["start_ms"]]
        return 1 + max(map(known.__getitem__, (each["n"] for each in before)), default=0)

    known: dict[int, int] = {}
    for call in sorted(calls, key=lambda each: each["start_ms"]):
        known[call["n"]] = depth(call)
    return max(
        known[call["n"]]
        for call in calls
        if call["operation"] == "ModifyNetworkInterfaceAttribute" and call["error"] is None
    )


@pytest.mark.parametrize("interfaces", [1, 8])
def test_four_round_trips_warm_and_six_when_the_group_must_be_made(interfaces: int) -> None:
    enis = (Eni(),) * interfaces
    spec = world(host(NEIGHBOUR), host(HOST, enis=enis))
    events = [event(instance=NEIGHBOUR, finding="1" * 32), event(instance=HOST, finding="2" * 32)]
    ended = run(SimulationRequest(events, bundle(), spec, latency_ms=LATENCY_MS))
    by_instance = {incident.target.instance: incident for incident in ended.incidents}
    assert {incident.state.value for incident in ended.incidents} == {"contained"}
    assert recomputed(ended, 1) <= 6
    assert recomputed(ended, 2) <= 4
    assert ended.round_trips(by_instance[NEIGHBOUR]) == recomputed(ended, 1)
    assert ended.round_trips(by_instance[HOST]) == recomputed(ended, 2)


def test_the_figure_is_not_given_where_it_means_nothing() -> None:
    ended = run(SimulationRequest([event()], bundle(), world(host()), latency_ms=10))
    assert ended.round_trips(ended.incidents[0]) is None
