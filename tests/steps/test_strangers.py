# SPDX-License-Identifier: Apache-2.0
"""A recorded group that a stranger wears, or that somebody spoilt: passed over, told of, and left as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.finding.model import Target
from functions.incident.model import State
from functions.steps.network.isolate import NAME
from hub.simulation.world_spec import Eni
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.intake.policies import C2
from tests.scenario import ACCOUNT, INSTANCE, REGION, Scenario, instance
from tests.steps.test_quarantine_group import closed, contain, group

SECOND = "i-0000000000000002"
STRANGER = "i-0000000000000003"
HOSTS = (instance(), instance(SECOND, enis=(Eni(), Eni())), instance(STRANGER))


def incident_of(scenario: Scenario, name: str) -> Any:
    (found,) = [each for each in scenario.deployment.incidents() if each.target.instance == name]
    return found


def put_on(scenario: Scenario, made: str, name: str = STRANGER) -> str:
    interface = str(scenario.host(name)["enis"][0]["id"])
    scenario.other_client().modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[made])
    return interface


def isolation_of(scenario: Scenario, name: str) -> str:
    (step,) = [step for step in incident_of(scenario, name).steps if step.name == NAME]
    return str(step.reason)


def watched(scenario: Scenario) -> None:
    """The stranger's host has an incident, but one that only watches: anyone can bring that about."""
    (result,) = scenario.deliver(asff(finding="9" * 32, instances=[STRANGER], Sample=True))
    assert result.outcome != "acted"


def test_worn_by_a_stranger_another_is_made_and_the_stranger_told_of(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*HOSTS)
    watched(scenario)
    first = contain(scenario)
    interface = put_on(scenario, first)
    as_it_was = group(scenario, first), scenario.host(STRANGER), scenario.host(INSTANCE)
    second = contain(scenario, SECOND)
    assert second != first
    assert closed(scenario, second)
    assert (group(scenario, first), scenario.host(STRANGER), scenario.host(INSTANCE)) == as_it_was
    incident = incident_of(scenario, SECOND)
    assert incident.state is State.CONTAINED
    for told in (incident.reason, isolation_of(scenario, SECOND)):
        assert interface in told
        assert first in told
    # From now on the new one is used, and nothing more is told.
    assert contain_third(scenario) == second


def contain_third(scenario: Scenario) -> str:
    scenario.deployment.release(incident_of(scenario, SECOND).id)
    scenario.simulation.clock.sleep(3600)
    return contain(scenario, STRANGER)


def test_worn_by_other_contained_hosts_it_is_used_again(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*HOSTS)
    made = {contain(scenario, name) for name in (INSTANCE, SECOND, STRANGER)}
    assert len(made) == 1
    assert isolation_of(scenario, STRANGER) == ""


def test_a_host_that_still_wears_it_after_its_release_is_a_stranger(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*HOSTS)
    first = contain(scenario, STRANGER)
    scenario.deployment.release(incident_of(scenario, STRANGER).id)
    put_on(scenario, first)
    assert contain(scenario) != first


def test_an_interface_of_no_host_is_a_stranger_too(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*HOSTS)
    first = contain(scenario)
    vpc = [{"Name": "vpc-id", "Values": [group(scenario, first)["vpc"]]}]
    subnet = scenario.other_client().describe_subnets(Filters=vpc)["Subnets"][0]["SubnetId"]
    made = scenario.other_client().create_network_interface(SubnetId=subnet, Groups=[first])["NetworkInterface"]
    assert contain(scenario, SECOND) != first
    assert f"{made['NetworkInterfaceId']} of no instance" in incident_of(scenario, SECOND).reason


def test_what_can_not_be_read_does_not_keep_the_host_open(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*HOSTS)
    first = contain(scenario)
    put_on(scenario, first)
    scenario.inject_faults("ec2:DescribeNetworkInterfaces=UnauthorizedOperation")
    scenario.deliver(asff(C2, finding="2" * 32, instances=[SECOND]))
    assert {group for eni in scenario.host(SECOND)["enis"] for group in eni["groups"]} == {first}
    assert f"whether {first} is worn outside any incident could not be read" in isolation_of(scenario, SECOND)


def test_claims_that_can_not_be_read_do_not_keep_the_host_open(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*HOSTS)
    first = contain(scenario)
    put_on(scenario, first)

    def refuse(params: Mapping[str, Any], **_: Any) -> None:
        if "target#" in str(params):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "BatchGetItem")

    scenario.clients.hub("dynamodb").meta.events.register("provide-client-params.dynamodb.BatchGetItem", refuse)
    assert contain(scenario, SECOND) == first
    incident = incident_of(scenario, SECOND)
    assert f"whether {first} is worn outside any incident could not be read" in incident.reason
    assert incident.state is State.CONTAINED


QUOTA = "ec2:CreateSecurityGroup=SecurityGroupLimitExceeded"


def test_no_room_for_another_group_the_one_whose_rules_are_right_is_put_on_and_told(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*HOSTS)
    first = contain(scenario)
    put_on(scenario, first)
    as_it_was = group(scenario, first)
    scenario.inject_faults(QUOTA)
    assert contain(scenario, SECOND) == first
    assert group(scenario, first) == as_it_was
    told = incident_of(scenario, SECOND).reason
    assert "no other could be made" in told
    assert "SecurityGroupLimitExceeded" in told


def test_no_room_for_a_first_group_is_a_named_gap_and_everything_else_is_done(new_scenario: NewScenario) -> None:
    scenario = new_scenario(faults=[QUOTA])
    scenario.deliver(asff())
    incident, host = scenario.incident, scenario.host()
    assert incident.state is State.FAILED
    assert "SecurityGroupLimitExceeded" in incident.reason
    assert host["termination_protection"] is True
    assert host["tags"]["status"] == "isolated"
    assert len(scenario.simulation.world()["snapshots"]) == 1
    assert [eni["groups"] for eni in host["enis"]] == [[scenario.group("app")]]


def spoil(scenario: Scenario, made: str) -> None:
    everybody = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    scenario.other_client().authorize_security_group_ingress(GroupId=made, IpPermissions=everybody)


def strip(scenario: Scenario, made: str) -> None:
    scenario.other_client().delete_tags(Resources=[made], Tags=[{"Key": "status"}])


@pytest.mark.parametrize(("meddle", "told"), [(spoil, "rules that somebody else made"), (strip, "lost its tags")])
def test_what_is_wrong_with_the_recorded_group_is_told(
    new_scenario: NewScenario, meddle: Callable[[Scenario, str], None], told: str
) -> None:
    scenario = new_scenario(*HOSTS)
    first = contain(scenario)
    meddle(scenario, first)
    as_it_was = group(scenario, first)
    second = contain(scenario, SECOND)
    assert group(scenario, first) == as_it_was
    reason = incident_of(scenario, SECOND).reason
    assert (first in reason, second in reason, told in reason) == (True, True, True)


def test_which_hosts_are_in_an_incident(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*HOSTS)
    contain(scenario, STRANGER)
    watched(scenario)
    services = scenario.services()
    target, other = (Target("aws", ACCOUNT, REGION, name) for name in (STRANGER, SECOND))
    with scenario.simulation.delivering(99):
        assert services.records.contained([target, other]) == {target}
        assert services.records.contained([]) == set()
        # While somebody works on it, its interfaces may wear the group before its state says so.
        scenario.deployment.release(incident_of(scenario, STRANGER).id)
        assert services.records.contained([target]) == set()
