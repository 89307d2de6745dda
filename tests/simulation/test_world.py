# SPDX-License-Identifier: Apache-2.0
"""What a world file lists is what the world holds, and nothing is left of it afterwards."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import botocore.endpoint
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from functions.finding.model import Target
from hub.simulation.errors import SimulationError, SimulationGapError
from hub.simulation.simulation import Simulation
from hub.simulation.world_file import load_world
from hub.simulation.world_spec import Eni, GroupRuleSpec, Instance, SecurityGroup, User, WorldSpec
from tests.simulation.worlds import ACCOUNT, INSTANCE, OTHER_ACCOUNT, REGION, instance, member, refusal, world

EXAMPLE = Path(__file__).with_name("example.yaml")


def read(spec: WorldSpec) -> dict[str, Any]:
    with Simulation(spec) as simulation:
        facts = simulation.world()
    assert json.loads(json.dumps(facts)) == facts
    return facts


def names(facts: dict[str, Any]) -> dict[str, str]:
    """Group names by id."""
    return {group["id"]: group["name"] for group in facts["security_groups"]}


def test_the_documented_example_is_built() -> None:
    facts = read(load_world(EXAMPLE))
    (host,) = facts["instances"]
    assert {key: host[key] for key in ("account", "region", "id", "state", "lifecycle", "profile", "tags")} == {
        "account": ACCOUNT,
        "region": REGION,
        "id": INSTANCE,
        "state": "running",
        "lifecycle": "on-demand",
        "profile": "app-profile",
        "tags": {"Name": "web-1", "aws:autoscaling:groupName": "web"},
    }
    assert (host["termination_protection"], host["stop_protection"], host["shutdown_behavior"]) == (
        False,
        False,
        "stop",
    )
    assert [each["delete_on_termination"] for each in host["volumes"]] == [True, True]
    assert [(eni["device_index"], eni["connection_tracking"]) for eni in host["enis"]] == [(0, None), (1, None)]
    assert [[names(facts)[group] for group in eni["groups"]] for eni in host["enis"]] == [["app"], ["app"]]
    assert all(len(eni["addresses"]) == 1 for eni in host["enis"])
    assert sorted(names(facts).values()) == ["app", "cordon-quarantine", "default"]
    squatter = next(group for group in facts["security_groups"] if group["name"] == "cordon-quarantine")
    open_to_all = {"protocol": "-1", "from_port": None, "to_port": None, "group": None, "prefix_list": None}
    assert squatter["ingress"] == [{**open_to_all, "cidr": "0.0.0.0/0"}]
    assert facts["scaling_groups"] == [
        {
            "account": ACCOUNT,
            "region": REGION,
            "name": "web",
            "min": 1,
            "max": 4,
            "desired": 2,
            "instances": [{"id": INSTANCE, "lifecycle": "InService", "protected": False}],
        }
    ]
    assert facts["target_groups"][0]["targets"] == [{"id": INSTANCE, "port": 8080, "state": "healthy"}]
    assert facts["roles"] == [{"account": ACCOUNT, "name": "app-role", "tags": {}, "attached": [], "inline": {}}]
    assert facts["users"] == [{"account": ACCOUNT, "name": "alice", "groups": [], "active_keys": 1}]
    (acl,) = facts["network_acls"]
    assert (len(acl["subnets"]), len(acl["entries"])) == (1, 4)
    assert facts["snapshots"] == []


FIELDS: list[tuple[dict[str, Any], str, Any]] = [
    ({"state": state}, "state", state)
    for state in ("pending", "running", "stopping", "stopped", "shutting-down", "terminated")
] + [({"lifecycle": "spot"}, "lifecycle", "spot"), ({"tags": {"a": "b"}}, "tags", {"a": "b"})]


@pytest.mark.parametrize(("fields", "fact", "value"), FIELDS)
def test_a_field_of_the_file_is_a_fact_of_the_world(fields: dict[str, Any], fact: str, value: Any) -> None:
    assert read(world(instance(**fields)))["instances"][0][fact] == value


@pytest.mark.parametrize(("public_ip", "count"), [("none", 1), ("elastic", 2), ("auto", 2)])
def test_public_addresses_are_of_the_range_for_documentation(public_ip: Any, count: int) -> None:
    addresses = read(world(instance(public_ip=public_ip)))["instances"][0]["enis"][0]["addresses"]
    assert len(addresses) == count
    assert all(each.startswith(("10.", "203.0.113.")) for each in addresses)


def test_an_elastic_address_has_an_allocation_and_an_automatic_one_has_none() -> None:
    spec = world(instance(public_ip="elastic"), instance("i-0000000000000002", public_ip="auto"))
    with Simulation(spec) as simulation:
        ec2 = member(simulation, "ec2")
        found = ec2.describe_network_interfaces()["NetworkInterfaces"]
        allocated = {each["Attachment"]["InstanceId"]: "AllocationId" in each["Association"] for each in found}
    assert allocated == {INSTANCE: True, "i-0000000000000002": False}


def test_without_a_public_address_there_is_no_association() -> None:
    with Simulation(world()) as simulation:
        ec2 = member(simulation, "ec2")
        (host,) = ec2.describe_instances()["Reservations"][0]["Instances"]
        (eni,) = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert "Association" not in eni
    assert "Association" not in host["NetworkInterfaces"][0]


def test_interfaces_have_groups_of_their_own() -> None:
    facts = read(world(instance(enis=(Eni(groups=("web", "app")), Eni(groups=("db",), ipv6=True)))))
    primary, second = facts["instances"][0]["enis"]
    assert {names(facts)[group] for group in primary["groups"]} == {"web", "app"}
    assert {names(facts)[group] for group in second["groups"]} == {"db"}
    assert sum(":" in address for address in second["addresses"]) == 1


def test_one_vpc_for_each_name_account_and_region() -> None:
    elsewhere = Instance(id="i-0000000000000004", account=ACCOUNT, region="us-east-1")
    facts = read(world(instance(), instance("i-0000000000000002"), instance("i-0000000000000003", vpc="b"), elsewhere))
    vpcs = {(group["region"], group["vpc"]) for group in facts["security_groups"] if group["name"] == "app"}
    assert len(vpcs) == 3
    assert [each["id"] for each in facts["instances"] if each["region"] == "us-east-1"] == ["i-0000000000000004"]


def test_a_squatter_is_worn_beside_the_groups_of_the_instance() -> None:
    rule = GroupRuleSpec("tcp", group="app", from_port=22, to_port=22)
    squatter = SecurityGroup(ACCOUNT, REGION, "squat", ingress=(rule,), egress=(), worn_by=(INSTANCE,), tags={"a": "b"})
    facts = read(world(security_groups=(squatter,)))
    worn = [names(facts)[group] for group in facts["instances"][0]["enis"][0]["groups"]]
    assert sorted(worn) == ["app", "squat"]
    group = next(each for each in facts["security_groups"] if each["name"] == "squat")
    assert (group["egress"], group["tags"]) == ([], {"a": "b"})
    assert names(facts)[group["ingress"][0]["group"]] == "app"


def test_users_have_the_keys_that_they_were_given() -> None:
    users = (User("bob", ACCOUNT, 2), User("alice", ACCOUNT, 0))
    found = read(world(users=users))["users"]
    assert [(user["name"], user["active_keys"]) for user in found] == [("alice", 0), ("bob", 2)]


def test_the_same_world_is_the_same_every_time() -> None:
    spec = load_world(EXAMPLE)
    assert read(spec) == read(spec)


def test_a_small_world_is_quickly_built() -> None:
    spec = WorldSpec.from_targets([Target("aws", ACCOUNT, REGION, INSTANCE)])
    read(spec)
    spent = []
    for _ in range(3):
        began = time.perf_counter()
        with Simulation(spec):
            spent.append(time.perf_counter() - began)
    assert min(spent) < 0.15


def test_nothing_is_left_of_a_simulation() -> None:
    before = (botocore.endpoint.time, dict(os.environ), botocore.httpsession.URLLib3Session.send)
    with Simulation(world()) as simulation:
        assert botocore.endpoint.time is not before[0]
        member(simulation, "ec2").create_volume(AvailabilityZone="eu-west-1a", Size=1)
    assert (botocore.endpoint.time, dict(os.environ), botocore.httpsession.URLLib3Session.send) == before
    other = WorldSpec.from_targets([Target("aws", OTHER_ACCOUNT, REGION, INSTANCE)])
    with Simulation(other) as simulation:
        assert {each["account"] for each in simulation.world()["instances"]} == {OTHER_ACCOUNT}
        assert len(member(simulation, "ec2", OTHER_ACCOUNT).describe_volumes()["Volumes"]) == 1
        assert member(simulation, "ec2").describe_instances()["Reservations"] == []


def test_moto_is_as_it_was_after_a_simulation() -> None:
    with Simulation(world()):
        pass
    with mock_aws():
        images = boto3.client("ec2", region_name=REGION).describe_images(Owners=["amazon"])["Images"]
    assert len(images) > 100


def test_one_simulation_at_a_time() -> None:
    with Simulation(world()), pytest.raises(SimulationError, match="open already"), Simulation(world()):
        pass
    with Simulation(world()) as simulation:
        assert simulation.world()["instances"]


def test_a_closed_simulation_has_no_session() -> None:
    with pytest.raises(SimulationError, match="not open"):
        _ = Simulation(world()).session


def test_a_client_of_another_session_reaches_nothing() -> None:
    with Simulation(world()):
        stranger = boto3.client("sts", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
        with pytest.raises(SimulationGapError, match="not the simulation's"):
            stranger.get_caller_identity()


def test_a_gap_of_the_cloud_is_an_error_of_aws() -> None:
    with Simulation(world()) as simulation:
        ec2 = member(simulation, "ec2")
        assert refusal(ec2.describe_fast_snapshot_restores) == "InvalidAction"


def test_a_host_is_older_than_any_finding_about_it() -> None:
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    with Simulation(world(), now=now) as simulation:
        (host,) = member(simulation, "ec2").describe_instances()["Reservations"][0]["Instances"]
    assert host["LaunchTime"] == now - timedelta(days=30)
    assert host["BlockDeviceMappings"][0]["Ebs"]["AttachTime"] == host["LaunchTime"]


def test_what_an_event_names_in_no_region_is_simply_not_there() -> None:
    spec = WorldSpec.from_targets([Target("aws", ACCOUNT, "xx-nowhere-1", INSTANCE)])
    with Simulation(spec) as simulation:
        assert simulation.world()["instances"] == []
        client = simulation.session_in(ACCOUNT).client("ec2", region_name="xx-nowhere-1")
        with simulation.delivering(1), pytest.raises(EndpointConnectionError):
            client.describe_instances()
        assert {call["error"] for call in simulation.calls} == {"unanswered"}


def test_a_fault_of_the_emulator_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("inside")

    with Simulation(world()) as simulation:
        monkeypatch.setattr("moto.ec2.responses.instances.InstanceResponse.describe_instances", fail)
        ec2 = member(simulation, "ec2")
        with simulation.delivering(1), pytest.raises(SimulationGapError, match=r"ec2:DescribeInstances.*inside"):
            ec2.describe_instances()
        assert [call["error"] for call in simulation.calls] == ["unanswered"]


@pytest.mark.parametrize(
    ("fields", "hypervisor", "store"), [({}, "nitro", False), ({"nitro": False, "instance_store": True}, "xen", True)]
)
def test_the_type_says_what_the_world_says(fields: dict[str, Any], hypervisor: str, *, store: bool) -> None:
    with Simulation(world(instance(**fields))) as simulation:
        (found,) = member(simulation, "ec2").describe_instance_types(InstanceTypes=["m6i.large"])["InstanceTypes"]
    assert (found["Hypervisor"], found["InstanceStorageSupported"]) == (hypervisor, store)


def test_many_threads_share_the_cloud() -> None:
    with Simulation(world()) as simulation:
        ec2 = member(simulation, "ec2")
        with simulation.delivering(1):
            made = simulation.runtime().pool.all(
                [
                    partial(ec2.create_tags, Resources=[INSTANCE], Tags=[{"Key": f"k{number}", "Value": "v"}])
                    for number in range(40)
                ]
            )
        assert len(made) == len(simulation.calls) == 40
        assert {call["delivery"] for call in simulation.calls} == {1}
        assert len(simulation.world()["instances"][0]["tags"]) == 40
