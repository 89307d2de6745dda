# SPDX-License-Identifier: Apache-2.0
"""Exactly-once effect over at-least-once delivery, read from the world and the calls."""

from __future__ import annotations

from collections import Counter

import pytest

from hub.simulation.events import SourceEvent
from hub.simulation.run import SimulationRequest, SimulationResult, deployed, run
from tests.end_to_end.hosts import ENFORCED, HOST, OUTBOUND, REGION, bundle, event, host, world
from tests.finding.findings import asff, envelope, native, ocsf

FINDINGS = [f"{number:032x}" for number in range(1, 9)]


def successful(ended_calls: list[dict[str, object]], operation: str) -> int:
    return sum(1 for call in ended_calls if call["operation"] == operation and call["error"] is None)


def assert_one_incident(ended: SimulationResult, *, volumes: int = 1) -> None:
    assert [incident.state.value for incident in ended.incidents] == ["contained"]
    assert len(ended.world["snapshots"]) == volumes
    assert successful(ended.calls, "CreateSnapshots") == 1
    groups = [group for group in ended.world["security_groups"] if group["name"].startswith("cordon-quarantine")]
    assert len(groups) == 1
    original = {eni["id"]: eni["groups"] for eni in ended.world_before["instances"][0]["enis"]}
    assert ended.incidents[0].baseline["isolate"]["interfaces"] == original


@pytest.mark.parametrize(("deliveries", "parallel"), [(8, 1), (1, 8)])
def test_eight_deliveries_of_one_finding_make_one_incident(deliveries: int, parallel: int) -> None:
    ended = run(
        SimulationRequest(
            [event()], bundle(), world(host(volumes=2)), deliveries=deliveries, parallel=parallel, latency_ms=5
        )
    )
    outcomes = Counter(each.result.outcome.value for each in ended.handed if each.result)
    assert outcomes == {"acted": 1, "duplicate": 7}
    assert_one_incident(ended, volumes=2)


def eight() -> list[SourceEvent]:
    return [event(kind, finding=finding) for kind, finding in zip(OUTBOUND, FINDINGS, strict=True)]


def test_eight_different_findings_one_after_the_other_make_one_incident() -> None:
    ended = run(SimulationRequest(eight(), bundle(), world(host())))
    outcomes = [each.result.outcome.value for each in ended.handed if each.result]
    assert outcomes == ["acted"] + ["merged"] * 7
    assert_one_incident(ended)
    assert len(ended.incidents[0].findings) == 8


def test_eight_different_findings_at_once_make_one_incident() -> None:
    request = SimulationRequest([], bundle(), world(host()), latency_ms=5)
    with deployed(request) as deployment:
        deployment.warm_up(8)
        before = deployment.simulation.world()
        handed = deployment.deliver_together(eight())
        simulation = deployment.simulation
        ended = SimulationResult(
            request, handed, deployment.incidents(), simulation.calls, before, simulation.world(), None
        )
    outcomes = Counter(each.result.outcome.value for each in handed if each.result)
    assert outcomes == {"acted": 1, "merged": 7}
    assert_one_incident(ended)
    assert len(ended.incidents[0].findings) == 8


def test_both_hubs_and_guardduty_itself_make_one_incident() -> None:
    made = [
        asff(OUTBOUND[0], account=ENFORCED, region=REGION, instances=(HOST,)),
        ocsf(OUTBOUND[0], account=ENFORCED, region=REGION, instances=(HOST,)),
        native(OUTBOUND[0], account=ENFORCED, region=REGION, instance=HOST),
    ]
    events = [SourceEvent.of("hubs.json", number, envelope(each)) for number, each in enumerate(made)]
    ended = run(SimulationRequest(events, bundle(), world(host())))
    outcomes = [each.result.outcome.value for each in ended.handed if each.result]
    assert outcomes == ["acted", "duplicate", "duplicate"]
    assert_one_incident(ended)
