# SPDX-License-Identifier: Apache-2.0
"""Hosts as they are found, whatever somebody did to them before; and all that a release has to give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models import ec2_backends

from hub.simulation.world_spec import Eni, Instance
from tests.scenario import ACCOUNT, INSTANCE, REGION, Scenario, instance


@dataclass(frozen=True)
class Shape:
    """An instance and what was set on it: attributes, volumes kept, tags by place (``instance``, ``eni0``)."""

    host: Instance
    attributes: Mapping[str, Any] = field(default_factory=dict)
    kept: tuple[int, ...] = ()
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def prepare(self, scenario: Scenario) -> None:
        """Set all that by hand."""
        ec2 = scenario.other_client()
        for name, value in self.attributes.items():
            ec2.modify_instance_attribute(InstanceId=INSTANCE, **{name: {"Value": value}})
        described = ec2.describe_instances(InstanceIds=[INSTANCE])["Reservations"][0]["Instances"][0]
        mappings = described["BlockDeviceMappings"]
        for number in self.kept:
            keep = {"DeviceName": mappings[number]["DeviceName"], "Ebs": {"DeleteOnTermination": False}}
            ec2.modify_instance_attribute(InstanceId=INSTANCE, BlockDeviceMappings=[keep])
        interfaces = sorted(described["NetworkInterfaces"], key=lambda each: int(each["Attachment"]["DeviceIndex"]))
        places = {
            "instance": INSTANCE,
            **{f"eni{at}": each["NetworkInterfaceId"] for at, each in enumerate(interfaces)},
            **{f"vol{at}": each["Ebs"]["VolumeId"] for at, each in enumerate(mappings)},
        }
        for place, tags in self.tags.items():
            if tags:
                pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
                ec2.create_tags(Resources=[places[place]], Tags=pairs)


def facts(scenario: Scenario) -> dict[str, Any]:
    """Return all that there is of the host: what the world has of it, every tag, and the groups in their order."""
    # From moto itself: the describing calls would take longer than the containment.
    backend = ec2_backends[ACCOUNT][REGION]
    tags = {
        (resource, key): value
        for resource, pairs in backend.tags.items()
        if not resource.startswith(("snap-", "sg-"))
        for key, value in pairs.items()
    }
    order = {eni.id: [group.id for group in eni.group_set] for eni in backend.enis.values()}
    return {"instances": scenario.simulation.world()["instances"], "tags": tags, "order": order}


SHAPES = {
    "plain": Shape(instance()),
    "four interfaces": Shape(
        instance(enis=(Eni(("web", "app", "db")), Eni(("db", "app")), Eni(ipv6=True), Eni(("app", "web"))))
    ),
    "spot": Shape(instance(lifecycle="spot", volumes=2)),
    "stopped": Shape(instance(state="stopped")),
    "no volume": Shape(instance(volumes=0)),
    "protected already": Shape(
        instance(volumes=3),
        {"DisableApiTermination": True, "DisableApiStop": True, "InstanceInitiatedShutdownBehavior": "terminate"},
        kept=(0, 2),
    ),
    "with a status of its own": Shape(
        instance(tags={"status": "live", "Name": "web-1", "cordon:incident": "inc-of-old"}),
        tags={"eni0": {"status": "isolated"}, "vol0": {"status": "", "Name": "root"}},
    ),
    "with a public address": Shape(instance(public_ip="elastic")),
}
