# SPDX-License-Identifier: Apache-2.0
"""Instances: attributes change one at a time and only where EC2 allows it; a terminated one has no interfaces."""

from __future__ import annotations

from typing import Any

from hub.simulation.corrections.interfaces import wear
from hub.simulation.corrections.refusals import ec2_error, one_attribute, refuse_managed
from hub.simulation.patches import Patches

_VALUES = {
    "DisableApiTermination": "disable_api_termination",
    "DisableApiStop": "disable_api_stop",
    "InstanceInitiatedShutdownBehavior": "instance_initiated_shutdown_behavior",
    "InstanceType": "instance_type",
    "SourceDestCheck": "source_dest_check",
    "EbsOptimized": "ebs_optimized",
}
"""Attributes that are one value, and where moto keeps it."""

_NOT_ON_SPOT = ("DisableApiTermination", "DisableApiStop")
_GONE = ("shutting-down", "terminated")


def correct(patches: Patches) -> None:
    """Replace attribute changes, and what a terminated instance shows."""
    from moto.core.responses import EmptyResult
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.instances import Instance, InstanceBackend
    from moto.ec2.responses.instances import InstanceResponse

    def modify(response: Any) -> Any:
        response.error_on_dryrun()
        _modify(response)
        return EmptyResult()

    terminate_original = Instance.terminate

    def terminate(instance: Any) -> Any:
        before = terminate_original(instance)
        instance.security_groups = []
        return before

    patches.replace(Instance, "terminate", terminate)
    patches.replace(InstanceResponse, "modify_instance_attribute", modify)
    _hide_what_is_gone(patches, Instance)

    exists_original = EC2Backend.do_resources_exist

    def exist(backend: Any, resource_ids: list[str]) -> bool:
        for resource_id in resource_ids:
            if resource_id.startswith("i-"):
                # moto looks and does not mind when there is none: tags could be put on nothing.
                backend.get_instance(resource_id)
        return bool(exists_original(backend, resource_ids))

    patches.replace(EC2Backend, "do_resources_exist", exist)

    for name in ("stop_instances", "terminate_instances"):
        patches.replace(InstanceBackend, name, _unless_managed(getattr(InstanceBackend, name)))


def _unless_managed(original: Any) -> Any:
    def change(backend: Any, instance_ids: list[str]) -> Any:
        for instance in backend.get_multi_instances_by_id(instance_ids):
            refuse_managed(instance, "instance")
        return original(backend, instance_ids)

    return change


def _modify(response: Any) -> None:
    get = response._get_param
    backend = response.ec2_backend
    instance = backend.get_instance(get("InstanceId"))
    values = {name: get(f"{name}.Value") for name in _VALUES}
    values |= {"BlockDeviceMappings": get("BlockDeviceMappings") or None, "Groups": get("Groups") or None}
    if (older := get("Attribute")) is not None:
        values[older[0].upper() + older[1:]] = get("Value")
    name = one_attribute([name for name, value in values.items() if value is not None])
    refuse_managed(instance, "instance")
    if instance.state in _GONE:
        raise ec2_error("IncorrectInstanceState", f"The instance '{instance.id}' is {instance.state}.")
    if name == "BlockDeviceMappings":
        _keep_volumes(instance, values[name])
    elif name == "Groups":
        _wear(backend, instance, values[name])
    elif name in _NOT_ON_SPOT and instance.lifecycle == "spot":
        raise ec2_error("UnsupportedOperation", f"The attribute {name} can't be modified for a Spot Instance.")
    elif name in _VALUES:
        setattr(instance, _VALUES[name], _typed(values[name]))
    else:
        raise NotImplementedError(f"ModifyInstanceAttribute of {name}")


def _typed(value: Any) -> Any:
    return {"true": True, "false": False}.get(str(value).lower(), value)


def _keep_volumes(instance: Any, mappings: list[dict[str, Any]]) -> None:
    for mapping in mappings:
        if mapping["DeviceName"] not in instance.block_device_mapping:
            raise ec2_error(
                "InvalidInstanceAttributeValue", f"No device is currently mapped at {mapping['DeviceName']}"
            )
    for mapping in mappings:
        flag = mapping.get("Ebs", {}).get("DeleteOnTermination")
        if flag is not None:
            instance.block_device_mapping[mapping["DeviceName"]].delete_on_termination = _typed(flag)


def _wear(backend: Any, instance: Any, group_ids: list[str]) -> None:
    if len(instance.nics) != 1:
        raise ec2_error(
            "InvalidInstanceID",
            f"There are multiple interfaces attached to instance '{instance.id}'. "
            "Please specify an interface ID for the operation instead.",
        )
    wear(backend, instance.nics[0], group_ids)


def _hide_what_is_gone(patches: Patches, instance_class: Any) -> None:
    """A terminated instance is described for an hour, but its interfaces and addresses are gone at once."""
    for name, nothing in (
        ("network_interfaces", []),
        ("private_ip_address", None),
        ("private_ip", None),
        ("private_dns_name", None),
        ("public_ip_address", None),
        ("public_ip", None),
        ("public_dns_name", None),
        ("subnet_id", None),
        ("vpc_id", None),
    ):
        patches.replace(instance_class, name, property(_unless_terminated(vars(instance_class)[name], nothing)))


def _unless_terminated(original: property, nothing: Any) -> Any:
    getter = original.fget
    if getter is None:
        raise TypeError("only properties that can be read are hidden")

    def read(instance: Any) -> Any:
        return nothing if instance.state == "terminated" else getter(instance)

    return read
