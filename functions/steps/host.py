# SPDX-License-Identifier: Apache-2.0
"""The host as it is described in its own account: the facts that planning needs, taken from AWS alone.

Findings name neither interfaces nor groups (none of six real EC2 findings had them), so the instance is described.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.aws import errors
from functions.aws.clients import AwsClient
from functions.finding.model import Target
from functions.grants import actions, reads
from functions.parallel import Pool
from functions.policy.model import InstanceFacts
from functions.steps.reading import every

GRANTS = reads("ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeVolumes")
PERMISSIONS = actions(GRANTS)
SCALING_GROUP_TAG = "aws:autoscaling:groupName"
"""Set by Auto Scaling; customers can't set keys that begin with ``aws:``."""

_GONE = "InvalidInstanceID.NotFound"


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """A public IPv4 address of the host. Without ``allocation`` it is one that EC2 assigned, which can't be taken."""

    address: str
    private: str
    allocation: str | None
    association: str | None


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of the host. ``tags`` is None when they could not be read.

    kind         EC2's interface type: ``interface``, ``trunk`` (carries the interfaces of pods) and others
    addresses    its own IPv4 and IPv6 addresses, as EC2 writes them
    prefixes     whether blocks of addresses are delegated to it, beside its own
    tracking     connection tracking as configured, EC2's keys to seconds; None where nothing is configured
    """

    id: str
    device_index: int
    groups: tuple[str, ...]
    managed_by: str | None
    tags: Mapping[str, str] | None
    vpc: str | None = None
    subnet: str | None = None
    kind: str = "interface"
    addresses: tuple[str, ...] = ()
    public: tuple[PublicAddress, ...] = ()
    tracking: Mapping[str, int] | None = None
    prefixes: bool = False

    @property
    def ipv6(self) -> bool:
        """Whether it has an IPv6 address."""
        return any(":" in address for address in self.addresses)


@dataclass(frozen=True, slots=True)
class Volume:
    """An EBS volume of the host. ``tags`` is None when they could not be read."""

    id: str
    device: str
    delete_on_termination: bool
    tags: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Host:
    """An instance with its interfaces and volumes. ``gaps``: what reading either by itself raised.

    ``profile`` is the ARN of its instance profile; ``managed_by`` the service that manages the instance itself;
    ``described`` what EC2 said, as evidence: ``instance`` and ``interfaces``.
    """

    id: str
    state: str
    vpc: str | None
    image: str | None
    spot: bool
    tags: Mapping[str, str]
    interfaces: tuple[Interface, ...]
    volumes: tuple[Volume, ...]
    gaps: tuple[Exception, ...] = ()
    type: str | None = None
    profile: str | None = None
    managed_by: str | None = None
    source_dest_check: bool = True
    described: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses in its own VPC: in another VPC, the same address may be anybody's."""
        own = (each for each in self.interfaces if each.vpc in (None, self.vpc))
        return tuple(address for each in own for address in each.addresses)

    @property
    def facts(self) -> InstanceFacts:
        """What deciding needs to know."""
        return InstanceFacts(
            self.image, self.tags, self.tags.get(SCALING_GROUP_TAG), appliance=not self.source_dest_check
        )


def describe(ec2: AwsClient, pool: Pool, target: Target) -> Host | None:
    """Return the host, or None when the account has no such instance (any more).

    Three reads at once. Interfaces and volumes are read for their tags and managers; where that is not allowed, what
    the instance itself tells must do. Raises what DescribeInstances raises.
    """
    interfaces = pool.start(lambda: _read(lambda: _described_interfaces(ec2, target.instance)))
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
    gaps = [item for item in (found, volume_tags) if isinstance(item, Exception)]
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
        type=instance.get("InstanceType"),
        profile=instance.get("IamInstanceProfile", {}).get("Arn"),
        managed_by=_manager(instance),
        source_dest_check=_keeps_to_itself(instance, found if isinstance(found, list) else []),
        described={"instance": instance, "interfaces": found if isinstance(found, list) else []},
    )


def _read(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 — an odd answer about tags must not hide the host: it becomes a gap
        return error


def interfaces_of(ec2: AwsClient, instance: str) -> list[Interface]:
    """Return every interface that is attached to an instance now; raise what DescribeNetworkInterfaces raises."""
    return [_interface(each, tags=_tags(each.get("TagSet"))) for each in _described_interfaces(ec2, instance)]


def _described_interfaces(ec2: AwsClient, instance: str) -> list[dict[str, Any]]:
    return every(ec2.describe_network_interfaces, "NetworkInterfaces", Filters=_attached_to(instance))


def _interface(each: Mapping[str, Any], *, tags: Mapping[str, str] | None) -> Interface:
    private = each.get("PrivateIpAddresses", [])
    addresses = [address["PrivateIpAddress"] for address in private if "PrivateIpAddress" in address]
    tracking = each.get("ConnectionTrackingConfiguration")
    return Interface(
        id=each["NetworkInterfaceId"],
        device_index=int(each.get("Attachment", {}).get("DeviceIndex", 0)),
        groups=tuple(group["GroupId"] for group in each.get("Groups", [])),
        managed_by=_manager(each) or (each.get("RequesterId") if each.get("RequesterManaged") else None),
        tags=tags,
        vpc=each.get("VpcId"),
        subnet=each.get("SubnetId"),
        kind=each.get("InterfaceType", "interface"),
        addresses=(*addresses, *(address["Ipv6Address"] for address in each.get("Ipv6Addresses", []))),
        public=tuple(_public(address) for address in private if address.get("Association", {}).get("PublicIp")),
        tracking={name: int(seconds) for name, seconds in tracking.items()} if tracking else None,
        prefixes=bool(each.get("Ipv4Prefixes") or each.get("Ipv6Prefixes")),
    )


def _public(address: Mapping[str, Any]) -> PublicAddress:
    association = address["Association"]
    return PublicAddress(
        address=association["PublicIp"],
        private=address["PrivateIpAddress"],
        allocation=association.get("AllocationId"),
        association=association.get("AssociationId"),
    )


def _keeps_to_itself(instance: Mapping[str, Any], interfaces: list[dict[str, Any]]) -> bool:
    """Tell whether the host's own interfaces take no traffic that is for others (what a NAT or a firewall does)."""
    own = [*interfaces, *instance.get("NetworkInterfaces", [])]
    checked = [each.get("SourceDestCheck", True) for each in own if not each.get("RequesterManaged")]
    return all(checked) if checked else bool(instance.get("SourceDestCheck", True))


def _volume_tags(ec2: AwsClient, instance: str) -> dict[str, Mapping[str, str]]:
    found = every(ec2.describe_volumes, "Volumes", Filters=_attached_to(instance))
    return {each["VolumeId"]: _tags(each.get("Tags")) for each in found}


def _attached_to(instance: str) -> list[dict[str, Any]]:
    return [{"Name": "attachment.instance-id", "Values": [instance]}]


def _merge(instance: Mapping[str, Any], found: list[dict[str, Any]]) -> tuple[Interface, ...]:
    """Return every interface that either call names; an interface read by itself says more."""
    by_id = {each["NetworkInterfaceId"]: _interface(each, tags=_tags(each.get("TagSet"))) for each in found}
    for each in instance.get("NetworkInterfaces", []):
        if each["NetworkInterfaceId"] not in by_id:
            by_id[each["NetworkInterfaceId"]] = _interface(each, tags=None)
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
