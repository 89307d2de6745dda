# SPDX-License-Identifier: Apache-2.0
"""Hosts that are not plain: each ends isolated, or asked for, or with a gap that is named; never half in silence."""

from __future__ import annotations

from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from functions.incident.model import Incident, State
from hub.simulation.world_spec import Account, Eni
from tests.conftest import Simulated
from tests.finding.findings import asff
from tests.stage import ACCOUNT, ACCOUNTS, INSTANCE, REGION, Stage, instance

SHARING = "777788889999"


def quarantined(stage: Stage) -> list[bool]:
    """Tell of each interface, in the order of devices, whether it wears a quarantine group alone."""
    names = {each["id"]: each["name"] for each in stage.simulation.world()["security_groups"]}
    return [[names[group][:18] for group in eni["groups"]] == ["cordon-quarantine-"] for eni in stage.host()["enis"]]


def contained(stage: Stage) -> Incident:
    (result,) = stage.deliver(asff())
    assert result.outcome == "acted"
    return stage.incident


def reasons(incident: Incident) -> dict[str, str]:
    return {step.name: step.reason for step in incident.steps}


def test_an_interface_that_a_service_manages_is_named_and_the_others_are_swapped(simulated: Simulated) -> None:
    stage = simulated(instance(enis=(Eni(), Eni(requester_managed=True), Eni())))
    incident = contained(stage)
    assert quarantined(stage) == [True, False, True]
    assert incident.state is State.PARTIAL
    managed = stage.host()["enis"][1]["id"]
    assert managed in incident.reason
    assert "lets nobody else change it" in incident.reason
    assert "managed-interfaces" in incident.residual_risk
    assert "interfaces" not in incident.residual_risk


def test_an_instance_that_ec2_manages_for_a_service_is_named_and_left_as_it_is(simulated: Simulated) -> None:
    stage = simulated(instance(managed_by="eks-auto"))
    before = {**stage.host(), "tags": None}
    incident = contained(stage)
    assert {**stage.host(), "tags": None} == before
    assert stage.host()["tags"]["status"] == "isolated"  # tags it does take
    assert incident.state is State.FAILED
    assert "managed by eks.amazonaws.com" in incident.reason
    assert "OperationNotPermitted" in reasons(incident)["protect"]


def test_a_trunk_interface_is_swapped_like_any_other(simulated: Simulated) -> None:
    stage = simulated(instance(enis=(Eni(trunk=True), Eni())))
    assert contained(stage).state is State.CONTAINED
    assert quarantined(stage) == [True, True]
    kinds = stage.visitor().describe_network_interfaces()["NetworkInterfaces"]
    assert sorted(each["InterfaceType"] for each in kinds) == ["interface", "trunk"]


def test_a_host_that_passes_on_others_traffic_is_asked_for(simulated: Simulated) -> None:
    """A NAT or a firewall: every host behind it would be cut off with it."""
    stage = simulated(instance(enis=(Eni(), Eni(source_dest_check=False))))
    world = stage.simulation.world()
    (result,) = stage.deliver(asff())
    assert result.outcome == "awaiting-approval"
    assert stage.incident.state is State.AWAITING_APPROVAL
    assert "source/destination check" in result.reason
    assert stage.simulation.world() == world


def test_a_host_of_ipv6_alone(simulated: Simulated) -> None:
    stage = simulated(instance(enis=(Eni(ipv6=True, ipv4=False), Eni(ipv6=True, ipv4=False))))
    assert all(":" in address for eni in stage.host()["enis"] for address in eni["addresses"])
    incident = contained(stage)
    assert incident.state is State.CONTAINED
    assert quarantined(stage) == [True, True]
    (worn,) = {group for eni in stage.host()["enis"] for group in eni["groups"]}
    (group,) = [each for each in stage.simulation.world()["security_groups"] if each["id"] == worn]
    assert group["egress"] == []
    stage.deployment.release(incident.id)
    assert [eni["groups"] for eni in stage.host()["enis"]] == [[stage.group("app")]] * 2


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"lifecycle": "spot", "volumes": 2}, "no such protection for a Spot instance"),
        ({"instance_store": True}, ""),
        ({"state": "stopped"}, "the instance is stopped"),
    ],
    ids=["spot", "instance store", "stopped"],
)
def test_hosts_that_are_isolated_all_the_same(simulated: Simulated, fields: dict[str, Any], told: str) -> None:
    stage = simulated(instance(**fields))
    state = stage.host()["state"]
    incident = contained(stage)
    assert incident.state is State.CONTAINED
    assert quarantined(stage) == [True]
    assert told in " ".join([incident.reason, *reasons(incident).values()])
    assert len(stage.simulation.world()["snapshots"]) == fields.get("volumes", 1)
    # Never stopped, never started: what is in an instance store or in memory would be gone.
    assert stage.host()["state"] == state
    assert stage.calls("StopInstances", "StartInstances", "RebootInstances", "TerminateInstances") == []


@pytest.mark.parametrize("tag", ["kubernetes.io/cluster/shop", "eks:cluster-name", "karpenter.sh/nodepool"])
def test_a_node_of_a_cluster_is_asked_for(simulated: Simulated, tag: str) -> None:
    stage = simulated(instance(tags={tag: "shop"}))
    before = stage.host()
    (result,) = stage.deliver(asff())
    assert result.outcome == "awaiting-approval"
    assert stage.host() == before


def end() -> None:
    """Terminate the host as Auto Scaling does, which no protection keeps from it."""
    ec2_backends[ACCOUNT][REGION].get_instance(INSTANCE).terminate()


def meddling(stage: Stage, operation: str, meddle: Any) -> None:
    """Have somebody do something in the account just before Cordon's first such call."""
    done: list[bool] = []

    def before(**_: Any) -> None:
        if not done:
            done.append(True)
            meddle()

    stage.clients.member("ec2", REGION).meta.events.register(f"provide-client-params.ec2.{operation}", before)


@pytest.mark.parametrize("operation", ["CreateSecurityGroup", "ModifyNetworkInterfaceAttribute"])
def test_a_host_that_is_terminated_half_way_ends_with_that_said(simulated: Simulated, operation: str) -> None:
    stage = simulated(instance(enis=(Eni(), Eni())))
    meddling(stage, operation, end)
    (handed,) = stage.hand_over(asff())
    assert not handed.delivered.dead_lettered
    incident = stage.incident
    assert stage.host()["state"] == "terminated", incident
    # Whether a further try is worth it depends on which call meets the end first; that one finds nothing to contain.
    told = {
        State.FAILED: "the host: has no interface any more when read back: it is gone",
        State.CLOSED: "is terminated: there is nothing to contain",
    }
    assert told[incident.state] in incident.reason
    record = stage.deployment.release(incident.id)
    assert record.state is State.RELEASED


def test_in_a_shared_vpc_the_group_is_made_in_the_account_of_the_host(simulated: Simulated) -> None:
    accounts = {**ACCOUNTS, SHARING: Account("network", "/Workloads/Prod")}
    stage = simulated(instance(vpc_owner=SHARING), accounts=accounts)
    vpc = stage.visitor().describe_instances()["Reservations"][0]["Instances"][0]["VpcId"]
    assert stage.visitor().describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["OwnerId"] == SHARING
    assert contained(stage).state is State.CONTAINED
    assert quarantined(stage) == [True]
    (worn,) = stage.host()["enis"][0]["groups"]
    (group,) = [each for each in stage.simulation.world()["security_groups"] if each["id"] == worn]
    assert (group["account"], group["vpc"]) == (ACCOUNT, vpc)


def test_an_interface_that_moved_to_another_host_is_left_there_and_named(simulated: Simulated) -> None:
    other = "i-0000000000000002"
    stage = simulated(instance(enis=(Eni(), Eni())), instance(other))
    incident = contained(stage)
    moved = stage.host()["enis"][1]["id"]
    (group,) = stage.host()["enis"][1]["groups"]
    ec2 = stage.visitor()
    attachment = ec2.describe_network_interfaces(NetworkInterfaceIds=[moved])["NetworkInterfaces"][0]["Attachment"]
    ec2.detach_network_interface(AttachmentId=attachment["AttachmentId"])
    ec2.attach_network_interface(NetworkInterfaceId=moved, InstanceId=other, DeviceIndex=1)
    record = stage.deployment.release(incident.id)
    assert record.state is State.RELEASED
    assert [eni["groups"] for eni in stage.host()["enis"]] == [[stage.group("app")]]
    assert [eni["groups"] for eni in stage.host(other)["enis"]] == [[stage.group("app")], [group]]
    (left,) = [item for item in record.release if not item.restored and item.step == "isolate"]
    assert (left.what, left.retry) == (f"groups of {moved}", False)
    assert "no longer attached to this host" in left.reason
    assert left.command == (
        f"aws ec2 modify-network-interface-attribute --network-interface-id {moved} "
        f"--groups {stage.group('app')} --region {REGION}"
    )
