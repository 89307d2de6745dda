# SPDX-License-Identifier: Apache-2.0
"""What the host's type says of it: on which hypervisor it runs, and whether it has disks that no snapshot reaches.

Steps ask here so that they read the same answer in the same way. A type tells of what may be, which is enough to warn.
"""

from __future__ import annotations

from dataclasses import dataclass

from functions.aws import errors
from functions.grants import reads
from functions.steps.host import Host
from functions.steps.step import Member

GRANTS = reads("ec2:DescribeInstanceTypes")


class UnknownTypeError(Exception):
    """EC2 told nothing of the host's type."""


@dataclass(frozen=True, slots=True)
class InstanceType:
    """A type. ``nitro``: on the Nitro hypervisor, or bare metal of that system; ``store``: has instance store."""

    name: str
    nitro: bool
    store: bool


def read(member: Member, host: Host) -> InstanceType | Exception:
    """Return the host's type, or why it can't be told: what DescribeInstanceTypes raised, or UnknownTypeError."""
    if host.type is None:
        return UnknownTypeError("EC2 gave no type of the host")
    try:
        answer = member.ec2.describe_instance_types(InstanceTypes=[host.type])
    except errors.AwsError as error:
        return error
    for each in answer.get("InstanceTypes", []):
        if each.get("InstanceType") == host.type:
            # Every bare metal type is one of the Nitro system, and has no hypervisor (EC2 User Guide, Nitro System).
            nitro = each.get("Hypervisor") == "nitro" or bool(each.get("BareMetal", False))
            return InstanceType(host.type, nitro, bool(each.get("InstanceStorageSupported", False)))
    return UnknownTypeError(f"EC2 told nothing of {host.type}")
