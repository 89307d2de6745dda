# SPDX-License-Identifier: Apache-2.0
"""Hosts that are not plain: each ends isolated, or asked for, or with a gap that is named; never half in silence."""

from __future__ import annotations

from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from functions.incident.model import Incident, State
from hub.simulation.world_spec import AccountSpec, Eni
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.scenario import ACCOUNT, ACCOUNTS, INSTANCE, REGION, Scenario, instance

SHARING = "777788889999"


def quarantined(scenario: Scenario) -> list[bool]:
    """Tell of each interface, in the order of devices, whether it wears a quarantine group alone."""
    names = {each["id"]: each["name"] for each in scenario.simulation.world()["security_groups"]}
    return [[names[group][:18] for group in eni["groups"]] == ["cordon-quarantine-"] for eni in scenario.host()["enis"]]


def contained(scenario: Scenario) -> Incident:
    (result,) = scenario.deliver(asff())
    assert result.outcome == "acted"
    return scenario.incident


def reasons(incident: Incident) -> dict[str, str]:
    return {step.name: step.reason for step in incident.steps}


def test_an_interface_that_a_service_manages_is_named_and_the_others_are_swapped(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(enis=(Eni(), Eni(requester_managed=True), Eni())))
    incident = contained(scenario)
    assert quarantined(scenario) == [True, False, True]
    assert incident.state is State.PARTIAL
    managed = scenario.host()["enis"][1]["id"]
    assert managed in incident.reason
    assert "lets nobody else change it" in incident.reason
    assert "managed-interfaces" in incident.residual_risk
    assert "interfaces" not in incident.residual_risk


def test_an_instance_that_ec2_manages_for_a_service_is_named_and_left_as_it_is(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(managed_by="eks-auto"))
    before = {**scenario.host(), "tags": None}
    incident = contained(scenario)
    assert {**scenario.host(), "tags": None} == before
    assert scenario.host()["tags"]["status"] == "isolated"  # tags it does take
    assert incident.state is State.FAILED
    assert "managed by eks.amazonaws.com" in incident.reason
    assert "OperationNotPermitted" in reasons(incident)["protect"]


def test_a_trunk_interface_is_swapped_like_any_other(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(enis=(Eni(trunk=True), Eni())))
    assert contained(scenario).state is State.CONTAINED
    assert quarantined(scenario) == [True, True]
    kinds = scenario.other_client().describe_network_interfaces()["NetworkInterfaces"]
    assert sorted(each["InterfaceType"] for each in kinds) == ["interface", "trunk"]


def test_a_host_that_passes_on_others_traffic_is_asked_for(new_scenario: NewScenario) -> None:
    """A NAT or a firewall: every host behind it would be cut off with it."""
    scenario = new_scenario(instance(enis=(Eni(), Eni(source_dest_check=False))))
    world = scenario.simulation.world()
    (result,) = scenario.deliver(asff())
    assert result.outcome == "awaiting-approval"
    assert scenario.incident.state is State.AWAITING_APPROVAL
    assert "source/destination check" in result.reason
    assert scenario.simulation.world() == world


def test_a_host_of_ipv6_alone(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(enis=(Eni(ipv6=True, ipv4=False), Eni(ipv6=True, ipv4=False))))
    assert all(":" in address for eni in scenario.host()["enis"] for address in eni["addresses"])
    incident = contained(scenario)
    assert incident.state is State.CONTAINED
    assert quarantined(scenario) == [True, True]
    (worn,) = {group for eni in scenario.host()["enis"] for group in eni["groups"]}
    (group,) = [each for each in scenario.simulation.world()["security_groups"] if each["id"] == worn]
    assert group["egress"] == []
    scenario.deployment.release(incident.id)
    assert [eni["groups"] for eni in scenario.host()["enis"]] == [[scenario.group("app")]] * 2


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"lifecycle": "spot", "volumes": 2}, "no such protection for a Spot instance"),
        ({"instance_store": True}, ""),
        ({"state": "stopped"}, "the instance is stopped"),
    ],
    ids=["spot", "instance store", "stopped"],
)
def test_hosts_that_are_isolated_all_the_same(new_scenario: NewScenario, fields: dict[str, Any], told: str) -> None:
    scenario = new_scenario(instance(**fields))
    state = scenario.host()["state"]
    incident = contained(scenario)
    assert incident.state is State.CONTAINED
    assert quarantined(scenario) == [True]
    assert told in " ".join([incident.reason, *reasons(incident).values()])
    assert len(scenario.simulation.world()["snapshots"]) == fields.get("volumes", 1)
    # Never stopped, never started: what is in an instance store or in memory would be gone.
    assert scenario.host()["state"] == state
    assert scenario.calls("StopInstances", "StartInstances", "RebootInstances", "TerminateInstances") == []


@pytest.mark.parametrize("tag", ["kubernetes.io/cluster/shop", "eks:cluster-name", "karpenter.sh/nodepool"])
def test_a_node_of_a_cluster_is_asked_for(new_scenario: NewScenario, tag: str) -> None:
    scenario = new_scenario(instance(tags={tag: "shop"}))
    before = scenario.host()
    (result,) = scenario.deliver(asff())
    assert result.outcome == "awaiting-approval"
    assert scenario.host() == before


def end() -> None:
    """Terminate the host as Auto Scaling does, which no protection keeps from it."""
    ec2_backends[ACCOUNT][REGION].get_instance(INSTANCE).terminate()


def meddling(scenario: Scenario, operation: str, meddle: Any) -> None:
    """Have somebody do something in the account just before Cordon's first such call."""
    done: list[bool] = []

    def before(**_: Any) -> None:
        if not done:
            done.append(True)
            meddle()

    scenario.clients.member("ec2", REGION).meta.events.register(f"provide-client-params.ec2.{operation}", before)


@pytest.mark.parametrize("operation", ["CreateSecurityGroup", "ModifyNetworkInterfaceAttribute"])
def test_a_host_that_is_terminated_half_way_ends_with_that_said(new_scenario: NewScenario, operation: str) -> None:
    scenario = new_scenario(instance(enis=(Eni(), Eni())))
    meddling(scenario, operation, end)
    (handed,) = scenario.hand_over(asff())
    assert not handed.delivered.dead_lettered
    incident = scenario.incident
    assert scenario.host()["state"] == "terminated", incident
    # Whether a further try is worth it depends on which call meets the end first; that one finds nothing to contain.
    told = {
        State.FAILED: "the host: has no interface any more when read back: it is gone",
        State.CLOSED: "is terminated: there is nothing to contain",
    }
    assert told[incident.state] in incident.reason
    record = scenario.deployment.release(incident.id)
    assert record.state is State.RELEASED


def test_in_a_shared_vpc_the_group_is_made_in_the_account_of_the_host(new_scenario: NewScenario) -> None:
    accounts = {**ACCOUNTS, SHARING: AccountSpec("network", "/Workloads/Prod")}
    scenario = new_scenario(instance(vpc_owner=SHARING), accounts=accounts)
    vpc = scenario.other_client().describe_instances()["Reservations"][0]["Instances"][0]["VpcId"]
    assert scenario.other_client().describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["OwnerId"] == SHARING
    assert contained(scenario).state is State.CONTAINED
    assert quarantined(scenario) == [True]
    (worn,) = scenario.host()["enis"][0]["groups"]
    (group,) = [each for each in scenario.simulation.world()["security_groups"] if each["id"] == worn]
    assert (group["account"], group["vpc"]) == (ACCOUNT, vpc)


def test_an_interface_that_moved_to_another_host_is_left_there_and_named(new_scenario: NewScenario) -> None:
    other = "i-0000000000000002"
    scenario = new_scenario(instance(enis=(Eni(), Eni())), instance(other))
    incident = contained(scenario)
    moved = scenario.host()["enis"][1]["id"]
    (group,) = scenario.host()["enis"][1]["groups"]
    ec2 = scenario.other_client()
    attachment = ec2.describe_network_interfaces(NetworkInterfaceIds=[moved])["NetworkInterfaces"][0]["Attachment"]
    ec2.detach_network_interface(AttachmentId=attachment["AttachmentId"])
    ec2.attach_network_interface(NetworkInterfaceId=moved, InstanceId=other, DeviceIndex=1)
    record = scenario.deployment.release(incident.id)
    assert record.state is State.RELEASED
    assert [eni["groups"] for eni in scenario.host()["enis"]] == [[scenario.group("app")]]
    assert [eni["groups"] for eni in scenario.host(other)["enis"]] == [[scenario.group("app")], [group]]
    (left,) = [item for item in record.release if not item.restored and item.step == "isolate"]
    assert (left.what, left.retry) == (f"groups of {moved}", False)
    assert "no longer attached to this host" in left.reason
    assert left.command == (
        f"aws ec2 modify-network-interface-attribute --network-interface-id {moved} "
        f"--groups {scenario.group('app')} --region {REGION}"
    )
