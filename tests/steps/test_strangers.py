# SPDX-License-Identifier: Apache-2.0
"""A recorded group that a stranger wears, or that somebody spoilt: passed over, told of, and left as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.finding.model import Target
from functions.incident.model import State
from functions.steps.isolate import NAME
from hub.simulation.world_spec import Eni
from tests.conftest import Simulated
from tests.finding.findings import asff
from tests.intake.policies import C2
from tests.stage import ACCOUNT, INSTANCE, REGION, Stage, instance
from tests.steps.test_quarantine_group import closed, contain, group

SECOND = "i-0000000000000002"
STRANGER = "i-0000000000000003"
HOSTS = (instance(), instance(SECOND, enis=(Eni(), Eni())), instance(STRANGER))


def incident_of(stage: Stage, name: str) -> Any:
    (found,) = [each for each in stage.deployment.incidents() if each.target.instance == name]
    return found


def put_on(stage: Stage, made: str, name: str = STRANGER) -> str:
    interface = str(stage.host(name)["enis"][0]["id"])
    stage.visitor().modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[made])
    return interface


def isolation_of(stage: Stage, name: str) -> str:
    (step,) = [step for step in incident_of(stage, name).steps if step.name == NAME]
    return str(step.reason)


def watched(stage: Stage) -> None:
    """The stranger's host has an incident, but one that only watches: anyone can bring that about."""
    (result,) = stage.deliver(asff(finding="9" * 32, instances=[STRANGER], Sample=True))
    assert result.outcome != "acted"


def test_worn_by_a_stranger_another_is_made_and_the_stranger_told_of(simulated: Simulated) -> None:
    stage = simulated(*HOSTS)
    watched(stage)
    first = contain(stage)
    interface = put_on(stage, first)
    as_it_was = group(stage, first), stage.host(STRANGER), stage.host(INSTANCE)
    second = contain(stage, SECOND)
    assert second != first
    assert closed(stage, second)
    assert (group(stage, first), stage.host(STRANGER), stage.host(INSTANCE)) == as_it_was
    incident = incident_of(stage, SECOND)
    assert incident.state is State.CONTAINED
    for told in (incident.reason, isolation_of(stage, SECOND)):
        assert interface in told
        assert first in told
    # From now on the new one is used, and nothing more is told.
    assert contain_third(stage) == second


def contain_third(stage: Stage) -> str:
    stage.deployment.release(incident_of(stage, SECOND).id)
    stage.simulation.clock.sleep(3600)
    return contain(stage, STRANGER)


def test_worn_by_other_contained_hosts_it_is_used_again(simulated: Simulated) -> None:
    stage = simulated(*HOSTS)
    made = {contain(stage, name) for name in (INSTANCE, SECOND, STRANGER)}
    assert len(made) == 1
    assert isolation_of(stage, STRANGER) == ""


def test_a_host_that_still_wears_it_after_its_release_is_a_stranger(simulated: Simulated) -> None:
    stage = simulated(*HOSTS)
    first = contain(stage, STRANGER)
    stage.deployment.release(incident_of(stage, STRANGER).id)
    put_on(stage, first)
    assert contain(stage) != first


def test_an_interface_of_no_host_is_a_stranger_too(simulated: Simulated) -> None:
    stage = simulated(*HOSTS)
    first = contain(stage)
    vpc = [{"Name": "vpc-id", "Values": [group(stage, first)["vpc"]]}]
    subnet = stage.visitor().describe_subnets(Filters=vpc)["Subnets"][0]["SubnetId"]
    made = stage.visitor().create_network_interface(SubnetId=subnet, Groups=[first])["NetworkInterface"]
    assert contain(stage, SECOND) != first
    assert f"{made['NetworkInterfaceId']} of no instance" in incident_of(stage, SECOND).reason


def test_what_can_not_be_read_does_not_keep_the_host_open(simulated: Simulated) -> None:
    stage = simulated(*HOSTS)
    first = contain(stage)
    put_on(stage, first)
    stage.meet("ec2:DescribeNetworkInterfaces=UnauthorizedOperation")
    stage.deliver(asff(C2, finding="2" * 32, instances=[SECOND]))
    assert {group for eni in stage.host(SECOND)["enis"] for group in eni["groups"]} == {first}
    assert f"whether {first} is worn outside any incident could not be read" in isolation_of(stage, SECOND)


def test_claims_that_can_not_be_read_do_not_keep_the_host_open(simulated: Simulated) -> None:
    stage = simulated(*HOSTS)
    first = contain(stage)
    put_on(stage, first)

    def refuse(params: Mapping[str, Any], **_: Any) -> None:
        if "target#" in str(params):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "BatchGetItem")

    stage.clients.hub("dynamodb").meta.events.register("provide-client-params.dynamodb.BatchGetItem", refuse)
    assert contain(stage, SECOND) == first
    incident = incident_of(stage, SECOND)
    assert f"whether {first} is worn outside any incident could not be read" in incident.reason
    assert incident.state is State.CONTAINED


QUOTA = "ec2:CreateSecurityGroup=SecurityGroupLimitExceeded"


def test_no_room_for_another_group_the_one_whose_rules_are_right_is_put_on_and_told(simulated: Simulated) -> None:
    stage = simulated(*HOSTS)
    first = contain(stage)
    put_on(stage, first)
    as_it_was = group(stage, first)
    stage.meet(QUOTA)
    assert contain(stage, SECOND) == first
    assert group(stage, first) == as_it_was
    told = incident_of(stage, SECOND).reason
    assert "no other could be made" in told
    assert "SecurityGroupLimitExceeded" in told


def test_no_room_for_a_first_group_is_a_named_gap_and_everything_else_is_done(simulated: Simulated) -> None:
    stage = simulated(faults=[QUOTA])
    stage.deliver(asff())
    incident, host = stage.incident, stage.host()
    assert incident.state is State.FAILED
    assert "SecurityGroupLimitExceeded" in incident.reason
    assert host["termination_protection"] is True
    assert host["tags"]["status"] == "isolated"
    assert len(stage.simulation.world()["snapshots"]) == 1
    assert [eni["groups"] for eni in host["enis"]] == [[stage.group("app")]]


def spoil(stage: Stage, made: str) -> None:
    everybody = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    stage.visitor().authorize_security_group_ingress(GroupId=made, IpPermissions=everybody)


def strip(stage: Stage, made: str) -> None:
    stage.visitor().delete_tags(Resources=[made], Tags=[{"Key": "status"}])


@pytest.mark.parametrize(("meddle", "told"), [(spoil, "rules that somebody else made"), (strip, "lost its tags")])
def test_what_is_wrong_with_the_recorded_group_is_told(
    simulated: Simulated, meddle: Callable[[Stage, str], None], told: str
) -> None:
    stage = simulated(*HOSTS)
    first = contain(stage)
    meddle(stage, first)
    as_it_was = group(stage, first)
    second = contain(stage, SECOND)
    assert group(stage, first) == as_it_was
    reason = incident_of(stage, SECOND).reason
    assert (first in reason, second in reason, told in reason) == (True, True, True)


def test_which_hosts_are_in_an_incident(simulated: Simulated) -> None:
    stage = simulated(*HOSTS)
    contain(stage, STRANGER)
    watched(stage)
    hub = stage.hub()
    target, other = (Target("aws", ACCOUNT, REGION, name) for name in (STRANGER, SECOND))
    with stage.simulation.delivering(99):
        assert hub.records.contained([target, other]) == {target}
        assert hub.records.contained([]) == set()
        # While somebody works on it, its interfaces may wear the group before its state says so.
        stage.deployment.release(incident_of(stage, STRANGER).id)
        assert hub.records.contained([target]) == set()
