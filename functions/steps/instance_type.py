# SPDX-License-Identifier: Apache-2.0
"""What the host's type says of it: on which hypervisor it runs, and whether it has disks that no snapshot reaches.

Steps ask here so that they read the same answer in the same way. A type tells of what may be, which is enough to warn.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from functions.grants import reads
from functions.parallel import settle
from functions.steps.host import Host
from functions.steps.step import Member, StepError

GRANTS = reads("ec2:DescribeInstanceTypes")


class UnknownTypeError(StepError):
    """EC2 told nothing of the host's type."""

    code = "UnknownTypeError"


@dataclass(frozen=True, slots=True)
class InstanceType:
    """A type. ``nitro``: on the Nitro hypervisor, or bare metal of that system; ``store``: has instance store."""

    name: str
    nitro: bool
    store: bool


def reading(member: Member, host: Host) -> Future[InstanceType]:
    """Read the host's type, and return the future, which has ended: a step may do its work without the type."""
    found: Future[InstanceType] = member.pool.promise()
    settle(found, partial(read, member, host))
    return found


def read(member: Member, host: Host) -> InstanceType:
    """Return the host's type. Raises what DescribeInstanceTypes raises, and UnknownTypeError."""
    if host.type is None:
        raise UnknownTypeError("EC2 gave no type of the host")
    answer = member.ec2.describe_instance_types(InstanceTypes=[host.type])
    for each in answer.get("InstanceTypes", []):
        if each.get("InstanceType") == host.type:
            # Every bare metal type is one of the Nitro system, and has no hypervisor (EC2 User Guide, Nitro System).
            nitro = each.get("Hypervisor") == "nitro" or bool(each.get("BareMetal", False))
            return InstanceType(host.type, nitro, bool(each.get("InstanceStorageSupported", False)))
    raise UnknownTypeError(f"EC2 told nothing of {host.type}")
