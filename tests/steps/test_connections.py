# SPDX-License-Identifier: Apache-2.0
"""What ends connections that are open already: idle time-outs, network ACLs, the Elastic IP address; there and back."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from moto.ec2.models import ec2_backends

from functions.containment.look import look
from functions.parallel import WORKERS
from functions.steps import cut, network_acl
from functions.steps.registry import STEPS
from hub.simulation.world_spec import Eni
from tests.conftest import Simulated
from tests.containment import hosts
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.stage import ACCOUNT, INSTANCE, REGION, Stage, instance
from tests.steps.made import bare_task, member

SECOND = "i-0000000000000002"
ACCESS = "access: {ports: [22], cidrs: [198.51.100.0/24]}"
SHORT = {"TcpEstablishedTimeout": 60, "UdpStreamTimeout": 60, "UdpTimeout": 30}


def options(text: str, access: str = ACCESS) -> bytes:
    return policy(f"steps: {{isolate: {{{access}, {text}}}}}\n")


def step(stage: Stage, name: str) -> Any:
    (found,) = [each for each in stage.incident.steps if each.name == name]
    return found


def denied(stage: Stage) -> set[tuple[bool, str]]:
    """Return direction and block of every denial that is not an ACL's last word."""
    acls = stage.simulation.world()["network_acls"]
    return {
        (entry["egress"], entry["cidr"])
        for acl in acls
        for entry in acl["entries"]
        if entry["action"] == "deny" and entry["number"] < 32767
    }


def own(stage: Stage, host: str = INSTANCE) -> set[str]:
    found = (address for eni in stage.host(host)["enis"] for address in eni["addresses"])
    return {f"{each}/{128 if ':' in each else 32}" for each in found if not each.startswith("203.0.113.")}


def acls(stage: Stage) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = stage.simulation.world()["network_acls"]
    return found


def release(stage: Stage) -> list[Any]:
    for incident in stage.deployment.incidents():
        stage.deployment.release(incident.id)
    return [item for incident in stage.deployment.incidents() for item in incident.release if not item.restored]


def test_idle_connections_expire_soon_and_old_time_outs_come_back(simulated: Simulated) -> None:
    stage = simulated(instance(enis=(Eni(), Eni())), bundle=options("expire: true"))
    first, second = (eni["id"] for eni in stage.host()["enis"])
    kept = {"TcpEstablishedTimeout": 3600, "UdpStreamTimeout": 120, "UdpTimeout": 40}
    stage.visitor().modify_network_interface_attribute(NetworkInterfaceId=first, ConnectionTrackingSpecification=kept)
    stage.deliver(asff(C2))
    assert [eni["connection_tracking"] for eni in stage.host()["enis"]] == [SHORT, SHORT]
    assert release(stage) == []
    assert [eni["connection_tracking"] for eni in stage.host()["enis"]] == [
        kept,
        {"TcpEstablishedTimeout": 432_000, "UdpStreamTimeout": 180, "UdpTimeout": 30},
    ]
    (told,) = [item.reason for item in stage.incident.release if item.what == f"connection tracking of {second}"]
    assert "EC2's defaults" in told


def test_a_type_that_is_not_nitro_is_named_and_nothing_is_called(simulated: Simulated) -> None:
    stage = simulated(instance(nitro=False), bundle=options("expire: true"))
    stage.deliver(asff(C2))
    assert "Nitro" in step(stage, "expire").reason
    assert stage.host()["enis"][0]["connection_tracking"] is None
    assert stage.incident.state.value == "contained"


def test_time_outs_that_somebody_changed_are_left_to_them(simulated: Simulated) -> None:
    stage = simulated(bundle=options("expire: true"))
    stage.deliver(asff(C2))
    eni, theirs = stage.host()["enis"][0]["id"], {"TcpEstablishedTimeout": 500}
    stage.visitor().modify_network_interface_attribute(NetworkInterfaceId=eni, ConnectionTrackingSpecification=theirs)
    (left,) = release(stage)
    assert "modify-network-interface-attribute" in left.command


def test_an_elastic_ip_address_goes_and_comes_back(simulated: Simulated) -> None:
    stage = simulated(instance(public_ip="elastic"), bundle=options("addresses: disassociate"))
    before = stage.host()["enis"]
    stage.deliver(asff(C2))
    after = stage.host()["enis"]
    assert len(after[0]["addresses"]) == len(before[0]["addresses"]) - 1
    assert stage.visitor().describe_addresses()["Addresses"], "it is never released"
    assert release(stage) == []
    assert stage.host()["enis"] == before


def test_an_address_that_ec2_assigned_is_told_apart(simulated: Simulated) -> None:
    stage = simulated(instance(public_ip="auto"), bundle=options("addresses: disassociate"))
    before = stage.host()["enis"][0]["addresses"]
    stage.deliver(asff(C2))
    assert stage.host()["enis"][0]["addresses"] == before
    assert "EC2 assigned it" in step(stage, "addresses").reason
    assert "public-address" in stage.incident.residual_risk


def test_an_address_that_ec2_assigns_in_its_place_is_named(simulated: Simulated) -> None:
    stage = simulated(instance(public_ip="elastic"), bundle=options("addresses: disassociate"))
    (eni,) = [eni for eni in ec2_backends[ACCOUNT][REGION].enis.values() if eni.instance is not None]
    eni.public_ip_auto_assign = True
    stage.deliver(asff(C2))
    assert "EC2 assigned it when" in step(stage, "addresses").reason
    assert stage.incident.state.value == "partial"
    assert "public-address" in stage.incident.residual_risk
    assert release(stage) == []
    assert len(stage.host()["enis"][0]["addresses"]) == 2


def test_an_address_that_somebody_else_has_now_stays_theirs(simulated: Simulated) -> None:
    stage = simulated(
        instance(public_ip="elastic"), instance(SECOND, groups=("other",)), bundle=options("addresses: disassociate")
    )
    stage.deliver(asff(C2))
    ec2, (other,) = stage.visitor(), stage.host(SECOND)["enis"]
    (address,) = ec2.describe_addresses()["Addresses"]
    ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=other["id"])
    (left,) = release(stage)
    assert other["id"] in left.reason
    assert "associate-address" in left.command
    (there,) = stage.host(SECOND)["enis"]
    assert address["PublicIp"] in there["addresses"]


def test_every_address_of_the_host_is_denied_both_ways_before_everything_else(simulated: Simulated) -> None:
    stage = simulated(instance(enis=(Eni(ipv6=True), Eni(ipv4=False, ipv6=True))), bundle=options("cut: true"))
    before = acls(stage)
    stage.deliver(asff(C2))
    assert denied(stage) == {(egress, cidr) for cidr in own(stage) for egress in (False, True)}
    for acl in acls(stage):
        first = {egress: [e for e in acl["entries"] if e["egress"] is egress] for egress in (False, True)}
        for entries in first.values():
            allowed = [entry["number"] for entry in entries if entry["action"] == "allow"]
            ours = [e["number"] for e in entries if e["action"] == "deny" and e["number"] < 32767]
            assert not allowed or max(ours) < min(allowed)
    assert release(stage) == []
    assert acls(stage) == before


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_hosts_of_one_acl_have_entries_of_their_own(simulated: Simulated, order: tuple[int, int]) -> None:
    stage = simulated(instance(), instance(SECOND), bundle=options("cut: true"))
    before = acls(stage)
    stage.deliver(asff(C2))
    stage.deliver(asff(C2, finding="b" * 32, instances=[SECOND]))
    assert denied(stage) == {
        (e, cidr) for host in (INSTANCE, SECOND) for cidr in own(stage, host) for e in (False, True)
    }
    incidents = stage.deployment.incidents()
    for number in order:
        stage.deployment.release(incidents[number].id)
    assert acls(stage) == before


def test_nothing_is_cut_that_would_cut_the_investigators_off(simulated: Simulated) -> None:
    stage = simulated(bundle=options("cut: true", "access: {ports: [22], cidrs: [10.0.0.0/8]}"))
    before = acls(stage)
    stage.deliver(asff(C2))
    assert acls(stage) == before
    assert step(stage, "cut").outcome.value == "skipped"
    assert "inside the VPC" in step(stage, "cut").reason


def test_nothing_is_cut_where_investigators_may_come_by_a_transit_gateway(simulated: Simulated) -> None:
    stage = simulated(bundle=options("cut: true"))
    (acl,), ec2 = acls(stage), stage.visitor()
    (described,) = ec2.describe_network_acls(NetworkAclIds=[acl["id"]])["NetworkAcls"]
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway, VpcId=described["VpcId"], SubnetIds=acl["subnets"]
    )
    stage.deliver(asff(C2))
    assert acls(stage) == [acl]
    assert "transit gateway" in step(stage, "cut").reason


def test_a_foreign_vpc_is_left_alone(simulated: Simulated) -> None:
    stage = simulated(instance(vpc_owner="555566667777"), bundle=options("cut: true"))
    before = acls(stage)
    stage.deliver(asff(C2))
    assert acls(stage) == before
    assert "555566667777" in step(stage, "cut").reason
    assert stage.incident.state.value == "contained"


def test_an_acl_without_room_is_named(simulated: Simulated) -> None:
    stage = simulated(bundle=options("cut: true"))
    (acl,) = acls(stage)
    for number in range(1, 19):
        stage.visitor().create_network_acl_entry(
            NetworkAclId=acl["id"],
            RuleNumber=1000 + number,
            Protocol="-1",
            RuleAction="deny",
            Egress=True,
            CidrBlock=f"192.0.2.{number}/32",
        )
    before = acls(stage)
    stage.deliver(asff(C2))
    assert acls(stage) == before
    assert "no room" in step(stage, "cut").reason
    assert stage.incident.state.value == "partial"


def test_a_denial_that_was_there_before_stays(simulated: Simulated) -> None:
    stage = simulated(bundle=options("cut: true"))
    (acl,), (cidr,) = acls(stage), own(stage)
    stage.visitor().create_network_acl_entry(
        NetworkAclId=acl["id"], RuleNumber=50, Protocol="-1", RuleAction="deny", Egress=True, CidrBlock=cidr
    )
    before = acls(stage)
    stage.deliver(asff(C2))
    assert release(stage) == []
    assert acls(stage) == before


def test_only_what_this_incident_made_is_taken_away(simulated: Simulated) -> None:
    """Somebody denies the host too meanwhile, and puts an entry of theirs in the place of one of ours."""
    stage = simulated(bundle=options("cut: true"))
    stage.deliver(asff(C2))
    (acl,), (cidr,), ec2 = acls(stage), own(stage), stage.visitor()
    entry = {"NetworkAclId": acl["id"], "Protocol": "-1", "RuleAction": "deny"}
    (number,) = {each["number"] for each in acl["entries"] if each["cidr"] == cidr}
    ec2.create_network_acl_entry(**entry, RuleNumber=60, Egress=True, CidrBlock=cidr)
    ec2.replace_network_acl_entry(**entry, RuleNumber=number, Egress=False, CidrBlock="192.0.2.0/24")
    (left,) = release(stage)
    assert "another thing" in left.reason
    assert denied(stage) == {(True, cidr), (False, "192.0.2.0/24")}


def test_a_try_that_died_half_way_through_an_acl_is_gone_on_with(simulated: Simulated) -> None:
    stage = simulated(
        instance(enis=(Eni(), Eni())), bundle=options("cut: true"), faults=["ec2:CreateNetworkAclEntry=crash-after"]
    )
    before = acls(stage)
    stage.hand_over(asff(C2))
    assert denied(stage) == {(egress, cidr) for cidr in own(stage) for egress in (False, True)}
    assert release(stage) == []
    assert acls(stage) == before


def test_a_vpc_of_many_acls_is_cut_and_released(simulated: Simulated) -> None:
    """More of them than there are threads for the calls of a containment."""
    stage = simulated(bundle=options("cut: true"))
    many = [_acl_of_its_own(stage, number) for number in range(WORKERS + 6)]
    before = acls(stage)
    stage.deliver(asff(C2))
    assert step(stage, "cut").outcome.value == "done"
    assert {part.what.split()[0] for part in step(stage, "cut").parts} >= set(many)
    assert release(stage) == []
    assert acls(stage) == before


def _acl_of_its_own(stage: Stage, number: int) -> str:
    """Make a subnet of the host's VPC with an ACL of its own; return the ACL's id."""
    ec2 = stage.visitor()
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
    simulated: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = simulated(bundle=options("cut: true"))
    before = acls(stage)
    stage.deliver(asff(C2))
    gone = hosts.host(id=INSTANCE, state="terminated", vpc=None, interfaces=())
    monkeypatch.setattr("functions.release.release.describe", lambda *_: gone)
    assert release(stage) == []
    assert acls(stage) == before


def test_entries_are_taken_away_from_an_acl_that_serves_no_subnet_by_now(simulated: Simulated) -> None:
    stage = simulated(bundle=options("cut: true"))
    ours = _acl_of_its_own(stage, 0)
    stage.deliver(asff(C2))
    assert any(entry["number"] < 100 for acl in acls(stage) if acl["id"] == ours for entry in acl["entries"])
    other = next(acl["id"] for acl in acls(stage) if acl["id"] != ours)
    _serve_by(stage, ours, other)
    assert release(stage) == []
    assert denied(stage) == set()


def test_an_acl_that_is_gone_took_its_entries_along(simulated: Simulated) -> None:
    stage = simulated(bundle=options("cut: true"))
    ours = _acl_of_its_own(stage, 0)
    stage.deliver(asff(C2))
    _serve_by(stage, ours, next(acl["id"] for acl in acls(stage) if acl["id"] != ours))
    stage.visitor().delete_network_acl(NetworkAclId=ours)
    assert release(stage) == []
    (told,) = [item.reason for item in stage.incident.release if item.what == f"entries of {ours}"]
    assert told == "it is gone, and they with it"


def _serve_by(stage: Stage, one: str, other: str) -> None:
    """Have the subnets of the one ACL served by the other."""
    ec2 = stage.visitor()
    (described,) = ec2.describe_network_acls(NetworkAclIds=[one])["NetworkAcls"]
    for each in described["Associations"]:
        ec2.replace_network_acl_association(AssociationId=each["NetworkAclAssociationId"], NetworkAclId=other)


def test_an_address_that_moved_away_since_the_baseline_is_named_and_not_denied(simulated: Simulated) -> None:
    stage = simulated(instance(enis=(Eni(), Eni())), bundle=options("cut: true"))
    with stage.simulation.delivering(1):
        who = member(stage)
        host = look(who, STEPS).host
        assert host is not None
        task = bare_task(who, host, {}, None, {}, resumed=True)
        network = cut.explore(task)
        task = replace(task, section=cut.baseline(host, network))
        first, second = host.interfaces
        now = replace(host, interfaces=(first, replace(second, addresses=())))
        result = cut.apply(replace(task, host=now), network)
        who.pool.close()
    (still,), (moved,) = first.addresses, second.addresses
    assert denied(stage) == {(egress, f"{still}/32") for egress in (False, True)}
    assert f"{moved}/32: the host no longer has this address" in result.reason


def test_an_address_in_another_vpc_is_not_denied_in_the_hosts_own() -> None:
    elsewhere = hosts.interface("eni-2", vpc="vpc-2", addresses=("10.0.0.9",))
    host = hosts.host(interfaces=(hosts.interface(), elsewhere))
    assert network_acl.addresses_of(host) == ["10.0.0.1/32"]
