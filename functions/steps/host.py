# SPDX-License-Identifier: Apache-2.0
"""The host as it is described in its own account: the facts that planning needs, taken from AWS alone.

Findings name neither interfaces nor groups (none of six real EC2 findings had them), so the instance is described.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from functions.aws import errors
from functions.aws.clients import AwsClient
from functions.finding.model import Target
from functions.parallel import Pool
from functions.policy.model import InstanceFacts
from functions.steps.grant import actions, reads
from functions.steps.reading import every

GRANTS = reads("ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeVolumes")
PERMISSIONS = actions(GRANTS)
SCALING_GROUP_TAG = "aws:autoscaling:groupName"
"""Set by Auto Scaling; customers can't set keys that begin with ``aws:``."""

_GONE = "InvalidInstanceID.NotFound"


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of the host. ``tags`` is None when they could not be read."""

    id: str
    device_index: int
    groups: tuple[str, ...]
    managed_by: str | None
    tags: Mapping[str, str] | None
    vpc: str | None = None
    ipv6: bool = False


@dataclass(frozen=True, slots=True)
class Volume:
    """An EBS volume of the host. ``tags`` is None when they could not be read."""

    id: str
    device: str
    delete_on_termination: bool
    tags: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Host:
    """An instance with its interfaces and volumes. ``gaps``: what reading either by itself raised."""

    id: str
    state: str
    vpc: str | None
    image: str | None
    spot: bool
    tags: Mapping[str, str]
    interfaces: tuple[Interface, ...]
    volumes: tuple[Volume, ...]
    gaps: tuple[Exception, ...] = ()

    @property
    def facts(self) -> InstanceFacts:
        """What deciding needs to know."""
        return InstanceFacts(self.image, self.tags, self.tags.get(SCALING_GROUP_TAG))


def describe(ec2: AwsClient, pool: Pool, target: Target) -> Host | None:
    """Return the host, or None when the account has no such instance (any more).

    Three reads at once. Interfaces and volumes are read for their tags and managers; where that is not allowed, what
    the instance itself tells must do. Raises what DescribeInstances raises.
    """
    interfaces = pool.start(lambda: _read(lambda: interfaces_of(ec2, target.instance)))
    volumes = pool.start(lambda: _read(lambda: _volume_tags(ec2, target.instance)))
    try:
        answer = ec2.describe_instances(InstanceIds=[target.instance])
    except errors.AwsError as error:
        interfaces.result()
        volumes.result()
        if errors.code(error) == _GONE:
            return None
        raise
    found, volume_tags = interfaces.result(), volumes.result()
    instances = [instance for reservation in answer["Reservations"] for instance in reservation["Instances"]]
    if not instances:
        return None
    instance = instances[0]
    gaps = [part for part in (found, volume_tags) if isinstance(part, Exception)]
    return Host(
        id=instance["InstanceId"],
        state=instance["State"]["Name"],
        vpc=instance.get("VpcId"),
        image=instance.get("ImageId"),
        spot=instance.get("InstanceLifecycle") == "spot",
        tags=_tags(instance.get("Tags")),
        interfaces=_merge(instance, found if isinstance(found, list) else []),
        volumes=tuple(_volumes(instance, volume_tags if isinstance(volume_tags, dict) else {})),
        gaps=tuple(gaps),
    )


def _read(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 — an odd answer about tags must not hide the host: it becomes a gap
        return error


def interfaces_of(ec2: AwsClient, instance: str) -> list[Interface]:
    """Return every interface that is attached to an instance now; raise what DescribeNetworkInterfaces raises."""
    found = every(ec2.describe_network_interfaces, "NetworkInterfaces", Filters=_attached_to(instance))
    return [
        Interface(
            id=each["NetworkInterfaceId"],
            device_index=int(each.get("Attachment", {}).get("DeviceIndex", 0)),
            groups=tuple(group["GroupId"] for group in each.get("Groups", [])),
            managed_by=_manager(each) or (each.get("RequesterId") if each.get("RequesterManaged") else None),
            tags=_tags(each.get("TagSet")),
            vpc=each.get("VpcId"),
            ipv6=bool(each.get("Ipv6Addresses")),
        )
        for each in found
    ]


def _volume_tags(ec2: AwsClient, instance: str) -> dict[str, Mapping[str, str]]:
    found = every(ec2.describe_volumes, "Volumes", Filters=_attached_to(instance))
    return {each["VolumeId"]: _tags(each.get("Tags")) for each in found}


def _attached_to(instance: str) -> list[dict[str, Any]]:
    return [{"Name": "attachment.instance-id", "Values": [instance]}]


def _merge(instance: Mapping[str, Any], found: list[Interface]) -> tuple[Interface, ...]:
    """Return every interface that either call names; an interface read by itself says more."""
    by_id = {interface.id: interface for interface in found}
    for each in instance.get("NetworkInterfaces", []):
        if each["NetworkInterfaceId"] not in by_id:
            by_id[each["NetworkInterfaceId"]] = Interface(
                id=each["NetworkInterfaceId"],
                device_index=int(each.get("Attachment", {}).get("DeviceIndex", 0)),
                groups=tuple(group["GroupId"] for group in each.get("Groups", [])),
                managed_by=_manager(each),
                tags=None,
                vpc=each.get("VpcId"),
                ipv6=bool(each.get("Ipv6Addresses")),
            )
    return tuple(sorted(by_id.values(), key=lambda interface: (interface.device_index, interface.id)))


def _volumes(instance: Mapping[str, Any], tags: Mapping[str, Mapping[str, str]]) -> list[Volume]:
    return [
        Volume(
            id=mapping["Ebs"]["VolumeId"],
            device=mapping["DeviceName"],
            delete_on_termination=bool(mapping["Ebs"].get("DeleteOnTermination", False)),
            tags=tags.get(mapping["Ebs"]["VolumeId"]),
        )
        for mapping in instance.get("BlockDeviceMappings", [])
        if "Ebs" in mapping
    ]


def _manager(resource: Mapping[str, Any]) -> str | None:
    operator = resource.get("Operator", {})
    return operator.get("Principal", "an AWS service") if operator.get("Managed") else None


def _tags(pairs: list[dict[str, str]] | None) -> dict[str, str]:
    return {pair["Key"]: pair["Value"] for pair in pairs or []}
