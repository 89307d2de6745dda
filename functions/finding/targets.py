# SPDX-License-Identifier: Apache-2.0
"""The instances that a finding is about. Every resource is read, never only the first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from functions.finding import arn
from functions.finding.errors import IgnoredError, RejectedError
from functions.finding.model import Target
from functions.finding.origin import Origin, agree
from functions.finding.shape import show
from functions.finding.types import is_attack_sequence, is_credential_exfiltration

MOST_TARGETS: Final = 50
"""More than that of one finding are named in nothing; policy's own limit is far lower."""

_INSTANCE: Final = re.compile(r"i-[0-9a-f]{8,17}")
_PREFIX: Final = "instance/"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as a finding gives it, unchecked. ``where`` says which, for reasons.

    ``uid`` is an ARN or a bare id, ``others`` are further ids of the same; ``principal`` is an access key's.
    """

    where: str
    instance: bool
    uid: object = None
    account: object = None
    region: object = None
    partition: object = None
    principal: object = None
    others: tuple[object, ...] = ()


def choose(
    origin: Origin, types: Iterable[str], resources: Sequence[Resource], signalled: Iterable[str]
) -> tuple[Target, ...]:
    """Return the targets, each once, in order; ``signalled`` are resource ids that FINDING signals name.

    Raise RejectedError where an instance is not the finding's own, IgnoredError where there is none.
    """
    names = list(types)
    nothing = "the finding names no EC2 instance"
    if is_attack_sequence(names):
        # A sequence also lists what merely shares a group, role, image or network with the compromised host.
        chosen = _signalled(resources, signalled)
        nothing = "no signal of type FINDING in this attack sequence names an EC2 instance"
    else:
        chosen = [resource for resource in resources if resource.instance]
        if not chosen and is_credential_exfiltration(names):
            chosen = _principals(resources)
    targets = tuple(dict.fromkeys(target_of(origin, resource) for resource in chosen))
    if not targets:
        raise IgnoredError(nothing)
    return targets[:MOST_TARGETS]


def target_of(origin: Origin, resource: Resource) -> Target:
    """Return the instance as a target; raise RejectedError unless it belongs to the finding's account and Region."""
    instance = _instance(origin, resource.where, resource.uid)
    agree(origin, resource.where, account=resource.account, region=resource.region, partition=resource.partition)
    for other in resource.others:
        if isinstance(other, str) and other.startswith(("arn:", "i-")):
            second = _instance(origin, resource.where, other)
            if second != instance:
                raise RejectedError(f"{resource.where} is both {show(instance)} and {show(second)}")
    return Target(origin.partition, origin.account, origin.region, instance)


def _instance(origin: Origin, where: str, uid: object) -> str:
    """Return the instance id out of an ARN, whose other parts must be the finding's own, or out of a bare id."""
    if uid is None or uid == "":
        raise RejectedError(f"{where} has no instance id")
    if isinstance(uid, str) and uid.startswith("arn:"):
        parts = arn.split(uid, f"the id of {where}")
        if parts.service != "ec2" or not parts.resource.startswith(_PREFIX):
            raise RejectedError(f"the id of {where} {show(uid)} is not the ARN of an EC2 instance")
        agree(origin, f"the ARN of {where}", account=parts.account, region=parts.region, partition=parts.partition)
        uid = parts.resource.removeprefix(_PREFIX)
    if not isinstance(uid, str) or not _INSTANCE.fullmatch(uid):
        raise RejectedError(f"{show(uid)} is not an instance id")
    return uid


def _signalled(resources: Sequence[Resource], signalled: Iterable[str]) -> list[Resource]:
    listed = {_bare(resource.uid): resource for resource in reversed(resources) if resource.instance}
    chosen = []
    for name in dict.fromkeys(signalled):
        if resource := listed.get(_bare(name)):
            chosen.append(resource)
        elif name.startswith("arn:") and ":ec2:" in name and f":{_PREFIX}" in name:
            # ASFF lists 32 resources at most; a signal may name one that found no room there.
            chosen.append(Resource("a resource of a signal", instance=True, uid=name))
    return chosen


def _bare(uid: object) -> str:
    return uid.rpartition(f":{_PREFIX}")[2] if isinstance(uid, str) else ""


def _principals(resources: Sequence[Resource]) -> list[Resource]:
    """Return the instances that principal ids such as ``AROAEXAMPLE:i-0123456789abcdef0`` name."""
    chosen = []
    for resource in resources:
        session = resource.principal.partition(":")[2] if isinstance(resource.principal, str) else ""
        if session.startswith("i-"):
            chosen.append(Resource(f"the principal of {resource.where}", instance=True, uid=session))
    return chosen
