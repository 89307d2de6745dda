# SPDX-License-Identifier: Apache-2.0
"""What ends connections that are open already: idle time-outs, network ACLs, the Elastic IP address; there and back."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from functions.containment.observation import observe_host
from functions.parallel import WORKERS
from functions.steps.network import acl_entries, network_acl
from functions.steps.registry import STEPS
from hub.simulation.world_spec import Eni
from tests.conftest import NewScenario
from tests.containment import hosts
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.scenario import ACCOUNT, INSTANCE, REGION, Scenario, instance
from tests.steps.made import bare_task, member

SECOND = "i-0000000000000002"
ACCESS = "access: {ports: [22], cidrs: [198.51.100.0/24]}"
SHORT = {"TcpEstablishedTimeout": 60, "UdpStreamTimeout": 60, "UdpTimeout": 30}


def options(text: str, access: str = ACCESS) -> bytes:
    return policy(f"steps: {{isolate: {{{access}, {text}}}}}\n")


def step(scenario: Scenario, name: str) -> Any:
    (found,) = [each for each in scenario.incident.steps if each.name == name]
    return found


def denied(scenario: Scenario) -> set[tuple[bool, str]]:
    """Return direction and block of every denial that is not an ACL's last word."""
    acls = scenario.simulation.world()["network_acls"]
    return {
        (entry["egress"], entry["cidr"])
        for acl in acls
        for entry in acl["entries"]
        if entry["action"] == "deny" and entry["number"] < 32767
    }


def own(scenario: Scenario, host: str = INSTANCE) -> set[str]:
    found = (address for eni in scenario.host(host)["enis"] for address in eni["addresses"])
    return {f"{each}/{128 if ':' in each else 32}" for each in found if not each.startswith("203.0.113.")}


def acls(scenario: Scenario) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = scenario.simulation.world()["network_acls"]
    return found


def release(scenario: Scenario) -> list[Any]:
    for incident in scenario.deployment.incidents():
        scenario.deployment.release(incident.id)
    return [item for incident in scenario.deployment.incidents() for item in incident.release if not item.restored]


def test_idle_connections_expire_soon_and_old_time_outs_come_back(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(enis=(Eni(), Eni())), bundle=options("idle_timeout: true"))
    first, second = (eni["id"] for eni in scenario.host()["enis"])
    kept = {"TcpEstablishedTimeout": 3600, "UdpStreamTimeout": 120, "UdpTimeout": 40}
    scenario.other_client().modify_network_interface_attribute(
        NetworkInterfaceId=first, ConnectionTrackingSpecification=kept
    )
    scenario.deliver(asff(C2))
    assert [eni["connection_tracking"] for eni in scenario.host()["enis"]] == [SHORT, SHORT]
    assert release(scenario) == []
    assert [eni["connection_tracking"] for eni in scenario.host()["enis"]] == [
        kept,
        {"TcpEstablishedTimeout": 432_000, "UdpStreamTimeout": 180, "UdpTimeout": 30},
    ]
    (told,) = [item.reason for item in scenario.incident.release if item.what == f"connection tracking of {second}"]
    assert "EC2's defaults" in told


def test_a_type_that_is_not_nitro_is_named_and_nothing_is_called(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(nitro=False), bundle=options("idle_timeout: true"))
    scenario.deliver(asff(C2))
    assert "Nitro" in step(scenario, "idle_timeout").reason
    assert scenario.host()["enis"][0]["connection_tracking"] is None
    assert scenario.incident.state.value == "contained"


def test_time_outs_that_somebody_changed_are_left_to_them(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=options("idle_timeout: true"))
    scenario.deliver(asff(C2))
    eni, theirs = scenario.host()["enis"][0]["id"], {"TcpEstablishedTimeout": 500}
    scenario.other_client().modify_network_interface_attribute(
        NetworkInterfaceId=eni, ConnectionTrackingSpecification=theirs
    )
    (left,) = release(scenario)
    assert "modify-network-interface-attribute" in left.command


def test_an_elastic_ip_address_goes_and_comes_back(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(public_ip="elastic"), bundle=options("public_address: disassociate"))
    before = scenario.host()["enis"]
    scenario.deliver(asff(C2))
    after = scenario.host()["enis"]
    assert len(after[0]["addresses"]) == len(before[0]["addresses"]) - 1
    assert scenario.other_client().describe_addresses()["Addresses"], "it is never released"
    assert release(scenario) == []
    assert scenario.host()["enis"] == before


def test_an_address_that_ec2_assigned_is_told_apart(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(public_ip="auto"), bundle=options("public_address: disassociate"))
    before = scenario.host()["enis"][0]["addresses"]
    scenario.deliver(asff(C2))
    assert scenario.host()["enis"][0]["addresses"] == before
    assert "EC2 assigned it" in step(scenario, "public_address").reason
    assert "public-address" in scenario.incident.residual_risk


def test_an_address_that_ec2_assigns_in_its_place_is_named(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(public_ip="elastic"), bundle=options("public_address: disassociate"))
    (eni,) = [eni for eni in ec2_backends[ACCOUNT][REGION].enis.values() if eni.instance is not None]
    eni.public_ip_auto_assign = True
    scenario.deliver(asff(C2))
    assert "EC2 assigned it when" in step(scenario, "public_address").reason
    assert scenario.incident.state.value == "partial"
    assert "public-address" in scenario.incident.residual_risk
    assert release(scenario) == []
    assert len(scenario.host()["enis"][0]["addresses"]) == 2


def test_an_address_that_somebody_else_has_now_stays_theirs(new_scenario: NewScenario) -> None:
    scenario = new_scenario(
        instance(public_ip="elastic"),
        instance(SECOND, groups=("other",)),
        bundle=options("public_address: disassociate"),
    )
    scenario.deliver(asff(C2))
    ec2, (other,) = scenario.other_client(), scenario.host(SECOND)["enis"]
    (address,) = ec2.describe_addresses()["Addresses"]
    ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=other["id"])
    (left,) = release(scenario)
    assert other["id"] in left.reason
    assert "associate-address" in left.command
    (there,) = scenario.host(SECOND)["enis"]
    assert address["PublicIp"] in there["addresses"]


def test_every_address_of_the_host_is_denied_both_ways_before_everything_else(new_scenario: NewScenario) -> None:
    scenario = new_scenario(
        instance(enis=(Eni(ipv6=True), Eni(ipv4=False, ipv6=True))), bundle=options("network_acl: true")
    )
    before = acls(scenario)
    scenario.deliver(asff(C2))
    assert denied(scenario) == {(egress, cidr) for cidr in own(scenario) for egress in (False, True)}
    for acl in acls(scenario):
        first = {egress: [e for e in acl["entries"] if e["egress"] is egress] for egress in (False, True)}
        for entries in first.values():
            allowed = [entry["number"] for entry in entries if entry["action"] == "allow"]
            ours = [e["number"] for e in entries if e["action"] == "deny" and e["number"] < 32767]
            assert not allowed or max(ours) < min(allowed)
    assert release(scenario) == []
    assert acls(scenario) == before


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_hosts_of_one_acl_have_entries_of_their_own(new_scenario: NewScenario, order: tuple[int, int]) -> None:
    scenario = new_scenario(instance(), instance(SECOND), bundle=options("network_acl: true"))
    before = acls(scenario)
    scenario.deliver(asff(C2))
    scenario.deliver(asff(C2, finding="b" * 32, instances=[SECOND]))
    assert denied(scenario) == {
        (e, cidr) for host in (INSTANCE, SECOND) for cidr in own(scenario, host) for e in (False, True)
    }
    incidents = scenario.deployment.incidents()
    for number in order:
        scenario.deployment.release(incidents[number].id)
    assert acls(scenario) == before


def test_nothing_is_cut_that_would_cut_the_investigators_off(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=options("network_acl: true", "access: {ports: [22], cidrs: [10.0.0.0/8]}"))
    before = acls(scenario)
    scenario.deliver(asff(C2))
    assert acls(scenario) == before
    assert step(scenario, "network_acl").outcome.value == "skipped"
    assert "inside the VPC" in step(scenario, "network_acl").reason


def test_nothing_is_cut_where_investigators_may_come_by_a_transit_gateway(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=options("network_acl: true"))
    (acl,), ec2 = acls(scenario), scenario.other_client()
    (described,) = ec2.describe_network_acls(NetworkAclIds=[acl["id"]])["NetworkAcls"]
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway, VpcId=described["VpcId"], SubnetIds=acl["subnets"]
    )
    scenario.deliver(asff(C2))
    assert acls(scenario) == [acl]
    assert "transit gateway" in step(scenario, "network_acl").reason


def test_a_foreign_vpc_is_left_alone(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(vpc_owner="555566667777"), bundle=options("network_acl: true"))
    before = acls(scenario)
    scenario.deliver(asff(C2))
    assert acls(scenario) == before
    assert "555566667777" in step(scenario, "network_acl").reason
    assert scenario.incident.state.value == "contained"


def test_an_acl_without_room_is_named(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=options("network_acl: true"))
    (acl,) = acls(scenario)
    for number in range(1, 19):
        scenario.other_client().create_network_acl_entry(
            NetworkAclId=acl["id"],
            RuleNumber=1000 + number,
            Protocol="-1",
            RuleAction="deny",
            Egress=True,
            CidrBlock=f"192.0.2.{number}/32",
        )
    before = acls(scenario)
    scenario.deliver(asff(C2))
    assert acls(scenario) == before
    assert "no room" in step(scenario, "network_acl").reason
    assert scenario.incident.state.value == "partial"


def test_a_denial_that_was_there_before_stays(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=options("network_acl: true"))
    (acl,), (cidr,) = acls(scenario), own(scenario)
    scenario.other_client().create_network_acl_entry(
        NetworkAclId=acl["id"], RuleNumber=50, Protocol="-1", RuleAction="deny", Egress=True, CidrBlock=cidr
    )
    before = acls(scenario)
    scenario.deliver(asff(C2))
    assert release(scenario) == []
    assert acls(scenario) == before


def test_only_what_this_incident_made_is_taken_away(new_scenario: NewScenario) -> None:
    """Somebody denies the host too meanwhile, and puts an entry of theirs in the place of one of ours."""
    scenario = new_scenario(bundle=options("network_acl: true"))
    scenario.deliver(asff(C2))
    (acl,), (cidr,), ec2 = acls(scenario), own(scenario), scenario.other_client()
    entry = {"NetworkAclId": acl["id"], "Protocol": "-1", "RuleAction": "deny"}
    (number,) = {each["number"] for each in acl["entries"] if each["cidr"] == cidr}
    ec2.create_network_acl_entry(**entry, RuleNumber=60, Egress=True, CidrBlock=cidr)
    ec2.replace_network_acl_entry(**entry, RuleNumber=number, Egress=False, CidrBlock="192.0.2.0/24")
    (left,) = release(scenario)
    assert "another thing" in left.reason
    assert denied(scenario) == {(True, cidr), (False, "192.0.2.0/24")}


def test_a_try_that_died_half_way_through_an_acl_is_gone_on_with(new_scenario: NewScenario) -> None:
    scenario = new_scenario(
        instance(enis=(Eni(), Eni())),
        bundle=options("network_acl: true"),
        faults=["ec2:CreateNetworkAclEntry=crash-after"],
    )
    before = acls(scenario)
    scenario.hand_over(asff(C2))
    assert denied(scenario) == {(egress, cidr) for cidr in own(scenario) for egress in (False, True)}
    assert release(scenario) == []
    assert acls(scenario) == before


def test_a_vpc_of_many_acls_is_cut_and_released(new_scenario: NewScenario) -> None:
    """More of them than there are threads for the calls of a containment."""
    scenario = new_scenario(bundle=options("network_acl: true"))
    many = [_acl_of_its_own(scenario, number) for number in range(WORKERS + 6)]
    before = acls(scenario)
    scenario.deliver(asff(C2))
    assert step(scenario, "network_acl").outcome.value == "done"
    assert {item.what.split()[0] for item in step(scenario, "network_acl").items} >= set(many)
    assert release(scenario) == []
    assert acls(scenario) == before


def _acl_of_its_own(scenario: Scenario, number: int) -> str:
    """Make a subnet of the host's VPC with an ACL of its own; return the ACL's id."""
    ec2 = scenario.other_client()
    vpc = next(eni["VpcId"] for eni in ec2.describe_network_interfaces()["NetworkInterfaces"])
    (described,) = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    block = list(ipaddress.ip_network(described["CidrBlock"]).subnets(new_prefix=28))[-1 - number]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=str(block))["Subnet"]["SubnetId"]
    made = str(ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"])
    serving = [{"Name": "association.subnet-id", "Values": [subnet]}]
    (served,) = ec2.describe_network_acls(Filters=serving)["NetworkAcls"]
    (association,) = [each for each in served["Associations"] if each["SubnetId"] == subnet]
    ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=made)
    return made


def test_entries_are_taken_away_although_the_host_is_gone_and_in_no_vpc(
    new_scenario: NewScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = new_scenario(bundle=options("network_acl: true"))
    before = acls(scenario)
    scenario.deliver(asff(C2))
    gone = hosts.host(id=INSTANCE, state="terminated", vpc=None, interfaces=())
    monkeypatch.setattr("functions.release.release.describe", lambda *_: gone)
    assert release(scenario) == []
    assert acls(scenario) == before


def test_entries_are_taken_away_from_an_acl_that_serves_no_subnet_by_now(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=options("network_acl: true"))
    ours = _acl_of_its_own(scenario, 0)
    scenario.deliver(asff(C2))
    assert any(entry["number"] < 100 for acl in acls(scenario) if acl["id"] == ours for entry in acl["entries"])
    other = next(acl["id"] for acl in acls(scenario) if acl["id"] != ours)
    _serve_by(scenario, ours, other)
    assert release(scenario) == []
    assert denied(scenario) == set()


def test_an_acl_that_is_gone_took_its_entries_along(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=options("network_acl: true"))
    ours = _acl_of_its_own(scenario, 0)
    scenario.deliver(asff(C2))
    _serve_by(scenario, ours, next(acl["id"] for acl in acls(scenario) if acl["id"] != ours))
    scenario.other_client().delete_network_acl(NetworkAclId=ours)
    assert release(scenario) == []
    (told,) = [item.reason for item in scenario.incident.release if item.what == f"entries of {ours}"]
    assert told == "it is gone, and they with it"


def _serve_by(scenario: Scenario, one: str, other: str) -> None:
    """Have the subnets of the one ACL served by the other."""
    ec2 = scenario.other_client()
    (described,) = ec2.describe_network_acls(NetworkAclIds=[one])["NetworkAcls"]
    for each in described["Associations"]:
        ec2.replace_network_acl_association(AssociationId=each["NetworkAclAssociationId"], NetworkAclId=other)


def test_an_address_that_moved_away_since_the_baseline_is_named_and_not_denied(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(enis=(Eni(), Eni())), bundle=options("network_acl: true"))
    with scenario.simulation.delivering(1):
        who = member(scenario)
        host = observe_host(who, STEPS).host
        assert host is not None
        task = bare_task(who, host, {}, None, {}, resumed=True)
        task = replace(task, observation=who.pool.start(partial(network_acl.observe_with_host, task)))
        task = replace(task, section=network_acl.baseline(host, task.observation))
        first, second = host.interfaces
        now = replace(host, interfaces=(first, replace(second, addresses=())))
        result = network_acl.apply(replace(task, host=now), None)
        who.pool.close()
    (still,), (moved,) = first.addresses, second.addresses
    assert denied(scenario) == {(egress, f"{still}/32") for egress in (False, True)}
    assert f"{moved}/32: the host no longer has this address" in result.reason


def test_an_address_in_another_vpc_is_not_denied_in_the_hosts_own() -> None:
    elsewhere = hosts.interface("eni-2", vpc="vpc-2", addresses=("10.0.0.9",))
    host = hosts.host(interfaces=(hosts.interface(), elsewhere))
    assert acl_entries.addresses_of(host) == ["10.0.0.1/32"]
