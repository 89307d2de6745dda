# SPDX-License-Identifier: Apache-2.0
"""What moto knows of an account and Region, as ``requests_of`` asks for it: for the lab and for the tests alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from hub.authorization.requests import CallPlace, Tags

Named = Callable[[str, str], str | None]
"""Type and name of something of IAM's -> its ARN, where there is one of that name."""
Passed = Callable[[str], str | None]
"""ARN of an instance profile -> the ARN of its role, where it has one."""


def place_of(partition: str, account: str, region: str, *, iam: Named, passed: Passed) -> CallPlace:
    """Return what is known in that place; IAM is asked by ``iam`` and ``passed``, since it may not be moto's."""
    from moto.ec2.models import ec2_backends

    known = _Ec2(ec2_backends[account][region])
    return CallPlace(
        partition,
        account,
        region,
        volumes=known.volumes,
        host=known.host,
        attachment=known.attachment,
        linked=known.linked,
        arn=partial(_arn, account, region, iam),
        passed=passed,
    )


def tags_of(account: str, region: str) -> Tags:
    """Return a function that returns the tags of an EC2 resource there; for other services it knows none."""
    from moto.ec2.models import ec2_backends

    ec2: Any = ec2_backends[account][region]

    def tags(resource_id: str) -> Mapping[str, str]:
        return dict(ec2.tags.get(resource_id, {}))

    return tags


def motos_iam(account: str, partition: str) -> tuple[Named, Passed]:
    """Return what ``place_of`` asks of IAM, answered by moto's own."""
    from moto.iam.models import iam_backends

    iam: Any = iam_backends[account][partition]

    def named(kind: str, name: str) -> str | None:
        kept: Mapping[str, Any] = {
            "group": iam.groups,
            "instance-profile": iam.instance_profiles,
            "role": iam.roles,
            "user": iam.users,
        }[kind]
        return next((str(each.arn) for each in kept.values() if each.name == name), None)

    def passed(profile: str) -> str | None:
        found = next((each for each in iam.instance_profiles.values() if each.arn == profile), None)
        return str(found.roles[0].arn) if found is not None and found.roles else None

    return named, passed


@dataclass(frozen=True, slots=True)
class _Ec2:
    """What a call to EC2 doesn't say: see ``CallPlace``."""

    backend: Any

    def volumes(self, instance_id: str) -> Mapping[str, str]:
        for instance in self.backend.all_instances():
            if instance.id == instance_id:
                return {name: device.volume_id for name, device in instance.get_block_device_mapping}
        return {}

    def host(self, name: str) -> str | None:
        for eni in self.backend.enis.values():
            if name in (eni.id, eni.attachment_id) and eni.instance is not None:
                return str(eni.instance.id)
        return None

    def attachment(self, name: str) -> str | None:
        return next((str(eni.id) for eni in self.backend.enis.values() if eni.attachment_id == name), None)

    def linked(self, association: str) -> Mapping[str, str]:
        for address in self.backend.addresses:
            if address.association_id == association:
                found = {"elastic-ip": address.allocation_id, "network-interface": address.network_interface_id}
                return {kind: name for kind, name in found.items() if name}
        for each in self.backend.iam_instance_profile_associations.values():
            if each.association_id == association:
                return {"instance": each.instance_id}
        return {}


def _arn(account: str, region: str, iam: Named, kind: str, name: str) -> str | None:
    if kind != "autoScalingGroup":
        return iam(kind, name)
    from moto.autoscaling.models import autoscaling_backends

    group: Any = autoscaling_backends[account][region].autoscaling_groups.get(name)
    return str(group.arn) if group is not None else None
