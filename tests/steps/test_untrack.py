# SPDX-License-Identifier: Apache-2.0
"""The host is opened for a moment so that connections are no longer tracked, and is closed whatever happens then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from functions.incident.items import stamp
from functions.steps.host import Host, Interface, PublicAddress
from functions.steps.open_group import OPEN_SECONDS, refusal
from hub.simulation.faults import Fault, FaultPlan
from hub.simulation.world_spec import Eni
from tests.conftest import Simulated
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.stage import INSTANCE, Stage, instance
from tests.steps.made import bare_task

BUNDLE = policy("steps: {isolate: {access: {ports: [22], cidrs: [198.51.100.0/24]}, untrack: true}}\n")
SWAP = "ModifyNetworkInterfaceAttribute"
ANYTHING = {("-1", "0.0.0.0/0"), ("-1", "::/0")}


def step(stage: Stage, name: str) -> Any:
    (found,) = [each for each in stage.incident.steps if each.name == name]
    return found


def worn(stage: Stage) -> list[str]:
    """Return the names of the groups that the host's interfaces wear."""
    names = {each["id"]: str(each["name"]) for each in stage.simulation.world()["security_groups"]}
    return [names[group] for eni in stage.host()["enis"] for group in eni["groups"]]


def isolated(stage: Stage) -> bool:
    return all(name.startswith("cordon-quarantine-") for name in worn(stage))


def open_groups(stage: Stage) -> list[Mapping[str, Any]]:
    return [each for each in stage.simulation.world()["security_groups"] if each["name"].startswith("cordon-untrack-")]


def meet(stage: Stage, operation: str, what: str, times: int | None, skip: int = 0) -> None:
    transport: Any = stage.simulation._transport  # noqa: SLF001 — a text can't say which attempt is the first
    transport._faults = FaultPlan([Fault("ec2", operation, what, times, skip)])  # noqa: SLF001 — as above


def swaps(stage: Stage) -> list[Any]:
    """Return the groups that interfaces were given, in order; what was only asked for by a dry run is left out."""
    calls = stage.calls(SWAP)
    return [each["parameters"]["Groups"] for each in calls if not each["parameters"].get("DryRun")]


def test_it_is_open_between_two_swaps_and_leaves_nothing_behind(simulated: Simulated) -> None:
    stage = simulated(instance(enis=(Eni(ipv6=True), Eni())), bundle=BUNDLE)
    before = stage.host()["enis"]
    stage.deliver(asff(C2))
    assert isolated(stage)
    assert open_groups(stage) == []
    assert step(stage, "untrack").outcome.value == "done"
    since, until = map(datetime.fromisoformat, step(stage, "isolate").receipt["open"])
    assert timedelta(seconds=OPEN_SECONDS) <= until - since < timedelta(seconds=OPEN_SECONDS + 1)
    assert f"open to all traffic from {stamp(since)} to {stamp(until)}" in stage.incident.reason
    first, second = swaps(stage)[:2], swaps(stage)[2:]
    (opened,), (quarantine,) = first[0], second[0]
    assert first == [[opened]] * 2
    assert second == [[quarantine]] * 2
    asked = [each["parameters"]["Groups"] for each in stage.calls(SWAP) if each["parameters"].get("DryRun")]
    assert asked == [[quarantine]] * 2, "it was proven before that quarantine goes on"
    stage.deployment.release(stage.incident.id)
    assert stage.host()["enis"] == before


def test_the_open_group_lets_everything_through_both_ways(simulated: Simulated) -> None:
    # Nobody can look in between, so the group is kept from being deleted; being worn by nobody it stays as it was.
    stage = simulated(
        instance(enis=(Eni(ipv6=True),)), bundle=BUNDLE, faults=["ec2:DeleteSecurityGroup=AccessDenied*9"]
    )
    stage.deliver(asff(C2))
    assert isolated(stage)
    (group,) = open_groups(stage)
    for way in ("ingress", "egress"):
        assert {(rule["protocol"], rule["cidr"]) for rule in group[way]} == ANYTHING
    assert group["tags"]["status"] == "isolated"
    assert group["id"] in step(stage, "untrack").reason
    assert stage.incident.state.value == "partial"
    stage.meet()
    stage.deployment.release(stage.incident.id)
    assert open_groups(stage) == []


def test_a_host_with_a_public_address_goes_straight_to_quarantine(simulated: Simulated) -> None:
    stage = simulated(instance(public_ip="elastic"), bundle=BUNDLE)
    stage.deliver(asff(C2))
    assert "public address" in step(stage, "untrack").reason
    assert isolated(stage)
    assert len(stage.calls("CreateSecurityGroup")) == 1


PLAIN = Interface("eni-1", 0, ("sg-1",), None, {}, vpc="vpc-1")
HOST = Host("i-1", "running", "vpc-1", None, spot=False, tags={}, interfaces=(PLAIN,), volumes=())


@pytest.mark.parametrize(
    ("host", "resumed", "why"),
    [
        (HOST, False, None),
        (HOST, True, "further try"),
        (replace(HOST, state="stopped"), False, "stopped"),
        (replace(HOST, interfaces=()), False, "no interface"),
        (replace(HOST, managed_by="eks.amazonaws.com"), False, "managed by eks"),
        (replace(HOST, interfaces=(PLAIN, replace(PLAIN, managed_by="123456789012"))), False, "managed by 1234"),
        (replace(HOST, interfaces=(PLAIN, replace(PLAIN, vpc="vpc-2"))), False, "another VPC"),
        (replace(HOST, interfaces=(replace(PLAIN, groups=("sg-1", "sg-recorded")),)), False, "Cordon's already"),
        (replace(HOST, interfaces=(replace(PLAIN, groups=("sg-made",)),)), False, "Cordon's already"),
        (
            replace(HOST, interfaces=(replace(PLAIN, public=(PublicAddress("203.0.113.9", "10.0.0.4", None, None),)),)),
            False,
            "public address 203.0.113.9",
        ),
    ],
)
def test_what_is_refused(host: Host, why: str | None, *, resumed: bool) -> None:
    member: Any = SimpleNamespace(groups={"vpc-1#profile": "sg-recorded"}, made=frozenset({"sg-made"}))
    said = refusal(bare_task(member, host, {}, None, {}, resumed=resumed))
    assert said is None if why is None else why in str(said)


def test_a_host_that_the_internet_reaches_by_ipv6_is_not_opened(simulated: Simulated) -> None:
    stage = simulated(instance(enis=(Eni(ipv6=True),)), bundle=BUNDLE)
    ec2 = stage.visitor()
    vpc = ec2.describe_instances(InstanceIds=[INSTANCE])["Reservations"][0]["Instances"][0]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    ec2.create_route(RouteTableId=table["RouteTableId"], DestinationIpv6CidrBlock="::/0", GatewayId=gateway)
    stage.deliver(asff(C2))
    assert isolated(stage)
    assert len(swaps(stage)) == 1
    assert "by IPv6" in step(stage, "isolate").reason
    assert step(stage, "untrack").outcome.value == "skipped"


@pytest.mark.parametrize(
    ("operation", "what", "times", "skip"),
    [
        (SWAP, "UnauthorizedOperation", 5, 0),  # the dry run, and its repetitions
        # The first one is the quarantine group's.
        ("AuthorizeSecurityGroupIngress", "RulesPerSecurityGroupLimitExceeded", 1, 1),
        ("DescribeRouteTables", "UnauthorizedOperation", None, 0),
    ],
)
def test_what_can_not_be_proven_or_made_is_not_opened(
    simulated: Simulated, operation: str, what: str, times: int | None, skip: int
) -> None:
    stage = simulated(instance(enis=(Eni(ipv6=True),)), bundle=BUNDLE)
    meet(stage, operation, what, times, skip)
    stage.deliver(asff(C2))
    assert isolated(stage)
    assert open_groups(stage) == []
    assert len(swaps(stage)) == 1
    assert "stay tracked" in step(stage, "isolate").reason
    assert stage.incident.state.value == "contained"


def test_a_try_that_died_while_the_host_was_open_is_made_good(simulated: Simulated) -> None:
    stage = simulated(bundle=BUNDLE)
    meet(stage, SWAP, "crash-before", 1, 2)  # after the dry run and the opening
    stage.hand_over(asff(C2))
    assert isolated(stage)
    assert open_groups(stage) == []
    stage.deployment.release(stage.incident.id)
    assert worn(stage) == ["app"]


def test_where_quarantine_fails_to_go_on_the_open_group_is_shut(simulated: Simulated) -> None:
    stage = simulated(bundle=BUNDLE)
    meet(stage, SWAP, "UnauthorizedOperation", None, 2)
    stage.hand_over(asff(C2))
    (group,) = open_groups(stage)
    assert (group["ingress"], group["egress"]) == ([], [])
    assert worn(stage) == [group["name"]]
    assert "lets nothing in or out" in step(stage, "untrack").reason
    stage.meet()
    stage.deployment.release(stage.incident.id)
    assert worn(stage) == ["app"]
    assert open_groups(stage) == []


def test_a_host_that_could_not_be_opened_is_not_told_of_as_open(simulated: Simulated) -> None:
    stage = simulated(bundle=BUNDLE)
    meet(stage, SWAP, "InvalidParameterValue", times=1, skip=1)  # what comes first only asks
    stage.deliver(asff(C2))
    assert isolated(stage)
    assert "connections stay tracked" in step(stage, "isolate").reason
    assert "open" not in step(stage, "isolate").receipt
    assert "open to all" not in stage.incident.reason
