# SPDX-License-Identifier: Apache-2.0
"""Snapshots: taken of what is attached, pending when the call answers, dated by the simulation's clock."""

from __future__ import annotations

from typing import Any

from functions.clock import Clock
from hub.simulation.corrections.refusals import ec2_error
from hub.simulation.patches import Patches


def correct(patches: Patches, clock: Clock) -> None:
    """Replace how snapshots are made and listed."""
    from moto.core.responses import ActionResult
    from moto.ec2.models.elastic_block_store import EBSBackend
    from moto.ec2.responses.elastic_block_store import ElasticBlockStore

    create_original = EBSBackend.create_snapshot

    def create(backend: Any, *arguments: Any, **named: Any) -> Any:
        snapshot = create_original(backend, *arguments, **named)
        snapshot.start_time = clock.now()
        return snapshot

    def create_one(response: Any) -> Any:
        response.error_on_dryrun()
        get = response._get_param
        snapshot = response.ec2_backend.create_snapshot(get("VolumeId"), get("Description", ""))
        snapshot.add_tags(_tags(response))
        return ActionResult(_presented(snapshot))

    def create_set(response: Any) -> Any:
        response.error_on_dryrun()
        get = response._get_param
        specification = get("InstanceSpecification", {})
        instance = response.ec2_backend.get_instance(specification["InstanceId"])
        volumes = _volumes(instance, specification)
        made = []
        for volume_id in volumes:
            snapshot = response.ec2_backend.create_snapshot(volume_id, get("Description", ""))
            if get("CopyTagsFromSource") == "volume":
                volume_tags = response.ec2_backend.get_volume(volume_id).get_tags()
                snapshot.add_tags({tag["key"]: tag["value"] for tag in volume_tags})
            snapshot.add_tags(_tags(response))
            made.append(_presented(snapshot))
        return ActionResult({"Snapshots": made})

    describe_original = ElasticBlockStore.describe_snapshots

    def describe(response: Any) -> Any:
        found: Any = describe_original(response)
        owners = {
            response.current_account if owner == "self" else owner for owner in response._get_param("OwnerIds", [])
        }
        if owners:
            # moto ignores the parameter.
            found.result["Snapshots"] = [each for each in found.result["Snapshots"] if each.owner_id in owners]
        return found

    patches.replace(EBSBackend, "create_snapshot", create)
    patches.replace(ElasticBlockStore, "create_snapshot", create_one)
    patches.replace(ElasticBlockStore, "create_snapshots", create_set)
    patches.replace(ElasticBlockStore, "describe_snapshots", describe)


def _volumes(instance: Any, specification: dict[str, Any]) -> list[str]:
    if instance.state in ("shutting-down", "terminated"):
        raise ec2_error("IncorrectInstanceState", f"The instance '{instance.id}' is {instance.state}.")
    left_out = set(specification.get("ExcludeDataVolumeIds", []))
    boot_too = str(specification.get("ExcludeBootVolume", False)).lower() != "true"
    volumes = [
        device.volume_id
        for name, device in instance.get_block_device_mapping
        if device.volume_id not in left_out and (boot_too or name != instance.root_device_name)
    ]
    if not volumes:
        raise ec2_error("InvalidParameterValue", f"The instance '{instance.id}' has no volumes to take snapshots of.")
    return volumes


def _tags(response: Any) -> dict[str, str]:
    tags: dict[str, str] = response._parse_tag_specification().get("snapshot", {})
    return tags


def _presented(snapshot: Any) -> dict[str, Any]:
    """Return a snapshot as the call that makes it answers: it has only just begun."""
    return {
        "SnapshotId": snapshot.id,
        "VolumeId": snapshot.volume.id,
        "VolumeSize": snapshot.volume.size,
        "State": "pending",
        "Progress": "",
        "StartTime": snapshot.start_time,
        "OwnerId": snapshot.owner_id,
        "Description": snapshot.description,
        "Encrypted": snapshot.encrypted,
        "Tags": snapshot.get_tags(),
    }
