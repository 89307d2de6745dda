# SPDX-License-Identifier: Apache-2.0
"""The host's VPC as cutting connections needs it: whether its ACLs may be changed, and what crosses none of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from functions.steps.host import Host, Interface
from functions.steps.network import acl_entries
from functions.steps.network.access import Access
from functions.steps.network.acl_entries import Acl
from functions.steps.reading import every
from functions.steps.step import AnyTask, Member

_UNIQUE_LOCAL = ipaddress.ip_network("fc00::/7")


@dataclass(frozen=True, slots=True)
class VpcNetwork:
    """The host's VPC. ``attached``: whether a transit gateway is."""

    owner: str
    cidrs: tuple[str, ...]
    acls: tuple[Acl, ...]
    attached: bool


def read(member: Member, vpc: str) -> VpcNetwork:
    """Read a VPC, its ACLs, and whether a transit gateway is attached to it, all at once; raise what a read raises."""
    filters = [{"Name": "vpc-id", "Values": [vpc]}]
    ec2, pool = member.ec2, member.pool
    reading = pool.start(partial(acl_entries.read, member, vpc))
    asking = pool.start(
        partial(
            every,
            ec2.describe_transit_gateway_vpc_attachments,
            "TransitGatewayVpcAttachments",
            Filters=[*filters, {"Name": "state", "Values": ["available", "modifying", "pending"]}],
        )
    )
    vpcs = every(ec2.describe_vpcs, "Vpcs", Filters=filters)
    acls, attachments = reading.result(), asking.result()
    found: Mapping[str, Any] = vpcs[0] if vpcs else {}
    blocks = [each["CidrBlock"] for each in found.get("CidrBlockAssociationSet", [])]
    blocks += [each["Ipv6CidrBlock"] for each in found.get("Ipv6CidrBlockAssociationSet", [])]
    return VpcNetwork(found.get("OwnerId", ""), tuple(blocks), tuple(acls), attached=bool(attachments))


def refusal(task: AnyTask, network: VpcNetwork) -> str | None:
    """Return why nothing may be cut in this VPC, or None. Pure."""
    account, access = task.member.target.account, Access.from_options(task.options)
    if network.owner != account or any(acl.owner != account for acl in network.acls):
        return f"{task.host.vpc} is shared by account {network.owner or 'another'}, whose network ACLs these are"
    if access.security_groups or access.prefix_lists or access.ssm:
        return "investigators come by security groups, prefix lists or SSM, so by which subnets is not known"
    inside = acl_entries.overlapping(access.cidrs, network.cidrs)
    if inside is not None:
        return f"investigators come from {inside}, inside the VPC, and would be cut off as well"
    if network.attached and access.cidrs:
        return "investigators may come through the subnets of a transit gateway, and would be cut off as well"
    return None


def past_other_subnets(host: Host, interface: Interface) -> bool:
    """Tell whether connections of an interface may cross no other subnet of the VPC, or by no address denied there.

    So does IPv6 through an internet gateway, a delegated prefix, and whatever is in another VPC.
    """
    addresses = [ipaddress.ip_address(each) for each in interface.addresses]
    reachable = any(each.version == 6 and each not in _UNIQUE_LOCAL for each in addresses)  # noqa: PLR2004
    return reachable or interface.prefixes or interface.vpc not in (None, host.vpc)
