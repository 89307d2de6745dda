# SPDX-License-Identifier: Apache-2.0
"""Network ACLs: so many entries and no more, a missing entry can't be deleted, and a VPC with IPv6 allows IPv6.

They are found by their ids too (API reference, DescribeNetworkAcls: filter ``network-acl-id``).

The entries of a default ACL are in the VPC user guide, "Default network ACL for a VPC"; their number is in its quotas.
"""

from __future__ import annotations

from typing import Any

from hub.simulation.corrections.refusals import ec2_error
from hub.simulation.patches import Patches

_ENTRIES = 20
"""In each direction, the last ones that AWS adds included."""

_ANY_IPV6 = ((101, "allow"), (32_768, "deny"))


def correct(patches: Patches) -> None:
    """Replace what finds ACLs, and what makes and deletes entries."""
    from moto.ec2.models.network_acls import NetworkAcl, NetworkAclBackend
    from moto.ec2.models.vpcs import VPCBackend

    create_original, delete_original = (
        NetworkAclBackend.create_network_acl_entry,
        NetworkAclBackend.delete_network_acl_entry,
    )
    vpc_original, filter_original = VPCBackend.create_vpc, NetworkAcl.get_filter_value

    def filter_value(acl: Any, filter_name: str, method_name: str | None = None) -> Any:
        return acl.id if filter_name == "network-acl-id" else filter_original(acl, filter_name, method_name)

    def create(backend: Any, **given: Any) -> Any:
        acl = backend.get_network_acl(given["network_acl_id"])
        there = {entry.rule_number for entry in acl.network_acl_entries if entry.egress == given["egress"]}
        if len(there) >= _ENTRIES and given["rule_number"] not in there:
            raise ec2_error("NetworkAclEntryLimitExceeded", f"The maximum number of entries of {acl.id} is reached.")
        return create_original(backend, **given)

    def delete(backend: Any, network_acl_id: str, rule_number: int, egress: bool) -> Any:
        acl = backend.get_network_acl(network_acl_id)
        if (rule_number, egress) not in {(entry.rule_number, entry.egress) for entry in acl.network_acl_entries}:
            raise ec2_error(
                "InvalidNetworkAclEntry.NotFound", f"The network acl entry {rule_number} of {acl.id} does not exist"
            )
        return delete_original(backend, network_acl_id, rule_number, egress)

    def create_vpc(backend: Any, *args: Any, **given: Any) -> Any:
        vpc = vpc_original(backend, *args, **given)
        if vpc.get_cidr_block_association_set(ipv6=True):
            _let_ipv6_through(backend, vpc.id)
        return vpc

    patches.replace(NetworkAcl, "get_filter_value", filter_value)
    patches.replace(NetworkAclBackend, "create_network_acl_entry", create)
    patches.replace(NetworkAclBackend, "delete_network_acl_entry", delete)
    patches.replace(VPCBackend, "create_vpc", create_vpc)


def _let_ipv6_through(backend: Any, vpc: str) -> None:
    (acl,) = [each for each in backend.network_acls.values() if each.vpc_id == vpc and each.default]
    for number, action in _ANY_IPV6:
        for egress in (False, True):
            backend.create_network_acl_entry(
                network_acl_id=acl.id,
                rule_number=number,
                protocol="-1",
                rule_action=action,
                egress=egress,
                cidr_block=None,
                icmp_code=None,
                icmp_type=None,
                port_range_from=None,
                port_range_to=None,
                ipv6_cidr_block="::/0",
            )
