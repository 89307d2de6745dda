# SPDX-License-Identifier: Apache-2.0
"""Elastic IP addresses: one for each interface, none on what a service manages, and what comes when one goes.

A host with a single interface that gets a public address by itself gets another one when its Elastic IP address goes;
one with several gets none (EC2 user guide, "Elastic IP addresses" and "Instance IP addressing").
"""

from __future__ import annotations

from typing import Any

from hub.simulation.corrections.refusals import ec2_error, refuse_managed
from hub.simulation.patches import Patches


def correct(patches: Patches) -> None:
    """Replace what puts addresses on and takes them off."""
    from moto.ec2.models.elastic_ip_addresses import ElasticAddressBackend
    from moto.ec2.models.elastic_network_interfaces import NetworkInterface
    from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses

    associate_original, disassociate_original = (
        ElasticIPAddresses.associate_address,
        ElasticAddressBackend.disassociate_address,
    )
    assign_original = NetworkInterface.check_auto_public_ip

    def associate(response: Any) -> Any:
        get = response._get_param
        if get("NetworkInterfaceId"):
            _check(response.ec2_backend, get)
        return associate_original(response)

    def disassociate(backend: Any, address: str | None = None, association_id: str | None = None) -> None:
        for each in backend.addresses:
            if each.eni is not None and (each.public_ip == address or each.association_id == association_id):
                refuse_managed(each.eni, "interface")
        disassociate_original(backend, address, association_id)

    def assign(eni: Any) -> None:
        if eni.instance is None or len(eni.instance.nics) == 1:
            assign_original(eni)

    patches.replace(ElasticIPAddresses, "associate_address", associate)
    patches.replace(ElasticAddressBackend, "disassociate_address", disassociate)
    patches.replace(NetworkInterface, "check_auto_public_ip", assign)


def _check(backend: Any, get: Any) -> None:
    """Refuse what EC2 refuses and moto takes."""
    eni = backend.get_network_interface(get("NetworkInterfaceId"))
    refuse_managed(eni, "interface")
    private = get("PrivateIpAddress")
    if private and private not in {each["PrivateIpAddress"] for each in eni.private_ip_addresses}:
        raise ec2_error("InvalidParameterValue", f"{private} is no address of {eni.id}")
    there = [each for each in backend.addresses if each.eni is eni and each.allocation_id != get("AllocationId")]
    if there and not get("AllowReassociation", False):
        raise ec2_error("Resource.AlreadyAssociated", f"{eni.id} has the address {there[0].public_ip} already")
