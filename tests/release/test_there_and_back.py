# SPDX-License-Identifier: Apache-2.0
"""Whatever the host was like: contained and released it is exactly that again."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.incident.model import State
from hub.simulation.world_spec import Eni
from tests.finding.findings import asff
from tests.release.shapes import Shape, facts
from tests.scenario import instance, open_scenario

GROUPS = st.lists(st.sampled_from(["app", "web", "db", "ops"]), min_size=1, max_size=4, unique=True).map(tuple)
STATUS = st.sampled_from([{}, {"status": "live"}, {"status": "isolated"}, {"status": "", "Name": "a"}])


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    interfaces, volumes = draw(st.integers(1, 4)), draw(st.integers(0, 3))
    spot = draw(st.booleans())
    attributes: dict[str, Any] = {}
    if not spot:
        for name in ("DisableApiTermination", "DisableApiStop"):
            attributes[name] = draw(st.booleans())
    attributes["InstanceInitiatedShutdownBehavior"] = draw(st.sampled_from(["stop", "terminate"]))
    return Shape(
        instance(
            enis=tuple(Eni(draw(GROUPS)) for _ in range(interfaces)),
            volumes=volumes,
            lifecycle="spot" if spot else "on-demand",
            state=draw(st.sampled_from(["running", "stopped"])),
            tags=draw(STATUS),
        ),
        attributes,
        kept=tuple(number for number in range(volumes) if draw(st.booleans())),
        tags={
            **{f"eni{number}": draw(STATUS) for number in range(interfaces)},
            **{f"vol{number}": draw(STATUS) for number in range(volumes)},
        },
    )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shape=shapes())
def test_contained_and_released_the_host_is_as_it_was(bundle: bytes, shape: Shape) -> None:
    with open_scenario(bundle, shape.host) as scenario:
        shape.prepare(scenario)
        before = facts(scenario)
        scenario.deliver(asff())
        assert scenario.incident.state is State.CONTAINED
        (worn,) = {tuple(groups) for groups in facts(scenario)["order"].values()}
        assert len(worn) == 1
        record = scenario.deployment.release(scenario.incident.id)
        assert [item for item in record.release if not item.restored] == []
        assert facts(scenario) == before
        assert record.state is State.RELEASED


FAULTS = [
    "ec2:ModifyNetworkInterfaceAttribute=timeout-after*2",
    "ec2:ModifyNetworkInterfaceAttribute=InternalError*5",
    "ec2:ModifyNetworkInterfaceAttribute=crash-after",
    "ec2:ModifyInstanceAttribute=crash-after*2",
    "ec2:ModifyInstanceAttribute=RequestLimitExceeded*6",
    "ec2:CreateTags=crash-after",
    "ec2:CreateTags=timeout-after",
    "ec2:CreateSnapshots=timeout-after",
    "ec2:CreateSecurityGroup=timeout-after",
    "ec2:RevokeSecurityGroupEgress=crash-after",
    "ec2:DescribeInstanceAttribute=InternalError*5",
    "dynamodb:TransactWriteItems=crash-after",
    "dynamodb:TransactWriteItems=timeout-after*2",
    "dynamodb:UpdateItem=crash-before",
]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shape=shapes(), faults=st.lists(st.sampled_from(FAULTS), max_size=3, unique=True))
def test_whatever_went_wrong_meanwhile(bundle: bytes, shape: Shape, faults: list[str]) -> None:
    """A baseline is taken once, before the first change: what a crashed try did is given back all the same."""
    with open_scenario(bundle, shape.host, faults=faults) as scenario:
        shape.prepare(scenario)
        before = facts(scenario)
        (handed,) = scenario.hand_over(asff())
        assert not handed.delivered.dead_lettered
        assert scenario.incident.state is State.CONTAINED, scenario.incident.reason
        assert len(scenario.simulation.world()["snapshots"]) == shape.host.volumes
        record = scenario.deployment.release(scenario.incident.id)
        assert [item for item in record.release if not item.restored] == []
        assert facts(scenario) == before
