# SPDX-License-Identifier: Apache-2.0
"""Network interfaces: an interface wears its own groups and no others, and takes only groups that it can wear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub.simulation.corrections.refusals import ec2_error, one_attribute, refuse_managed
from hub.simulation.patches import Patches

_GROUPS_PER_INTERFACE = 5
_TRACKING_LIMITS = {
    "TcpEstablishedTimeout": (60, 432_000),
    "UdpStreamTimeout": (60, 180),
    "UdpTimeout": (30, 60),
}
"""Seconds, lowest and highest; the documentation of ConnectionTrackingSpecification."""


def correct(patches: Patches) -> None:
    """Replace what moto has for groups and connection tracking of interfaces."""
    from moto.core.responses import EmptyResult
    from moto.ec2.models.elastic_network_interfaces import NetworkInterface
    from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces

    def modify(response: Any) -> Any:
        response.error_on_dryrun()
        _modify(response)
        return EmptyResult()

    # moto adds the groups of the launch, so that isolation would never show.
    patches.replace(NetworkInterface, "group_set", property(lambda eni: eni._group_set))
    # Without a public address there is no Association, not an empty one.
    associated = vars(NetworkInterface)["association"].fget
    patches.replace(NetworkInterface, "association", property(lambda eni: associated(eni) or None))
    patches.replace(ElasticNetworkInterfaces, "modify_network_interface_attribute", modify)
    describe_original = ElasticNetworkInterfaces.describe_network_interfaces

    def describe(response: Any) -> Any:
        found: Any = describe_original(response)
        for eni in found.result["NetworkInterfaces"]:
            _tell_association(eni)
        return found

    patches.replace(ElasticNetworkInterfaces, "describe_network_interfaces", describe)


def _tell_association(eni: Any) -> None:
    """Return the public address of a primary one, as DescribeInstances does already."""
    for address in eni.private_ip_addresses:
        address.pop("Association", None)
        if eni.association and address["PrivateIpAddress"] == eni.private_ip_address:
            address["Association"] = eni.association


def _modify(response: Any) -> None:
    get = response._get_param
    eni = response.ec2_backend.get_network_interface(get("NetworkInterfaceId"))
    values = {
        "Groups": get("Groups"),
        "SourceDestCheck": get("SourceDestCheck.Value"),
        "Description": get("Description.Value"),
        "ConnectionTrackingSpecification": get("ConnectionTrackingSpecification"),
    }
    attribute = one_attribute([name for name, value in values.items() if value is not None])
    refuse_managed(eni, "interface")
    if attribute == "Groups":
        wear(response.ec2_backend, eni, values["Groups"])
    elif attribute == "ConnectionTrackingSpecification":
        _track(eni, values["ConnectionTrackingSpecification"])
    elif attribute == "SourceDestCheck":
        eni.source_dest_check = values["SourceDestCheck"]
    else:
        eni.description = values["Description"]


def wear(backend: Any, eni: Any, group_ids: Sequence[str]) -> None:
    """Put exactly these groups on an interface, or refuse as AWS does."""
    if len(set(group_ids)) > _GROUPS_PER_INTERFACE:
        raise ec2_error(
            "SecurityGroupsPerInterfaceLimitExceeded",
            "The maximum number of security groups per interface has been reached.",
        )
    groups = []
    for group_id in dict.fromkeys(group_ids):
        group = backend.get_security_group_from_id(group_id)
        if group is None:
            raise ec2_error("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        if group.vpc_id != eni.subnet.vpc_id:
            raise ec2_error(
                "InvalidParameter", f"Security group {group_id} and interface {eni.id} belong to different networks."
            )
        groups.append(group)
    eni._group_set = groups
    if eni.instance is not None and eni.device_index == 0:
        # DescribeInstances shows the primary interface's groups as the instance's.
        eni.instance.security_groups = list(groups)


def _track(eni: Any, specification: dict[str, Any]) -> None:
    if eni.instance is not None and not getattr(eni.instance, "cordon_nitro", True):
        raise ec2_error("UnsupportedOperation", "Connection tracking timeouts need an instance built on Nitro.")
    wanted = {name: int(value) for name, value in specification.items() if value is not None}
    for name, seconds in wanted.items():
        lowest, highest = _TRACKING_LIMITS[name]
        if not lowest <= seconds <= highest:
            raise ec2_error("InvalidParameterValue", f"{name} must be between {lowest} and {highest}, not {seconds}.")
    eni.connection_tracking_configuration = {
        **(getattr(eni, "connection_tracking_configuration", None) or {}),
        **wanted,
    }
