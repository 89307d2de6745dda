# SPDX-License-Identifier: Apache-2.0
"""What a world must agree on with itself: what one part names, another part has."""

from __future__ import annotations

from collections.abc import Iterator

from hub.simulation.errors import suggestion
from hub.simulation.regions import known_regions
from hub.simulation.world_spec import MANAGEMENT, WorldSpec


def check_references(spec: WorldSpec) -> Iterator[str]:
    """Yield a sentence for every reference that leads nowhere and every name that is there twice."""
    known = {*spec.accounts, spec.organization.hub, spec.organization.forensics}
    if MANAGEMENT in known:
        yield f"accounts: {MANAGEMENT} is the simulated management account; use another id"
    if spec.organization.hub == spec.organization.forensics:
        yield "organization: hub and forensics are the same account"
    for index, instance in enumerate(spec.instances):
        yield from _region(f"instances[{index}].region", instance.region)
        yield from _account(known, f"instances[{index}].account", instance.account)
        if instance.vpc_owner is not None:
            yield from _account(known, f"instances[{index}].vpc_owner", instance.vpc_owner)
        if not all(eni.ipv4 or eni.ipv6 for eni in instance.enis):
            yield f"instances[{index}].enis: an interface without ipv4 has ipv6"
    for index, group in enumerate(spec.security_groups):
        yield from _region(f"security_groups[{index}].region", group.region)
        yield from _account(known, f"security_groups[{index}].account", group.account)
    for index, user in enumerate(spec.users):
        yield from _account(known, f"users[{index}].account", user.account)
    yield from _twice("instances", [each.id for each in spec.instances])
    yield from _twice("users", [f"{each.account} {each.name}" for each in spec.users])
    groups = [f"{each.name} in {each.account} {each.region} {each.vpc}" for each in spec.security_groups]
    yield from _twice("security_groups", groups)
    yield from _wearers(spec)


def _region(path: str, region: str) -> Iterator[str]:
    if region not in known_regions():
        yield f"{path}: there is no Region {region}{suggestion(region, known_regions())}"


def _account(known: set[str], path: str, account: str) -> Iterator[str]:
    if account not in known:
        yield f"{path}: account {account} is not listed under accounts{suggestion(account, known)}"


def _twice(path: str, names: list[str]) -> Iterator[str]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{path}: {name} is listed twice"


def _wearers(spec: WorldSpec) -> Iterator[str]:
    places = {each.id: (each.account, each.region, each.vpc) for each in spec.instances}
    for index, group in enumerate(spec.security_groups):
        for wearer in group.worn_by:
            path = f"security_groups[{index}].worn_by"
            if wearer not in places:
                yield f"{path}: there is no instance {wearer}{suggestion(wearer, places)}"
            elif places[wearer] != (group.account, group.region, group.vpc):
                yield f"{path}: instance {wearer} is in another account, Region or VPC"
