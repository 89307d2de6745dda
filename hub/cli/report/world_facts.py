# SPDX-License-Identifier: Apache-2.0
"""Answers from a world's document: the groups of an instance, the traffic that a group allows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from functions.finding.model import Target


class WorldFacts:
    """One WORLD of the simulation's contract, ready to be asked."""

    def __init__(self, world: Mapping[str, Any]) -> None:
        self._world = world
        self._groups = {group["id"]: group for group in world["security_groups"]}

    def instance(self, target: Target) -> Mapping[str, Any] | None:
        """Return an instance, or None if there is none."""
        for instance in self._world["instances"]:
            if (instance["account"], instance["region"], instance["id"]) == _place(target):
                found: Mapping[str, Any] = instance
                return found
        return None

    def group(self, group: str) -> Mapping[str, Any] | None:
        """Return a security group, or None."""
        return self._groups.get(group)

    def called(self, groups: Sequence[str]) -> tuple[str, ...]:
        """Return groups as ``name (id)``."""
        return tuple(f"{self._groups[each]['name']} ({each})" if each in self._groups else each for each in groups)

    def addresses(self, target: Target) -> set[str]:
        """Return every address of an instance."""
        instance = self.instance(target) or {"enis": ()}
        return {address for eni in instance["enis"] for address in eni["addresses"]}

    def there(self, kind: str, target: Target) -> list[Mapping[str, Any]]:
        """Return things of a kind in the account and Region of an instance; roles and users have no Region."""
        return [
            each
            for each in self._world.get(kind, ())
            if each["account"] == target.account and each.get("region", target.region) == target.region
        ]

    def snapshots(self, incident: str) -> list[Mapping[str, Any]]:
        """Return the snapshots that say they belong to an incident, by volume."""
        found = [each for each in self._world["snapshots"] if incident in each["tags"].values()]
        return sorted(found, key=lambda each: (str(each["volume"]), str(each["id"])))


Cell = str | tuple[str, ...]
"""What a table's cell says: one line or several."""


def merged(headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> tuple[list[str], list[tuple[Cell, ...]]]:
    """Return headings and rows in which worlds that agree in every row share one column.

    The first cell of a row is its name, the others are what it is in each world.
    """
    names_and_cells = [(row[0], row[1:]) for row in rows]
    columns: dict[tuple[Cell, ...], str] = {}
    for number, heading in enumerate(headings):
        column = tuple(cells[number] for _, cells in names_and_cells)
        columns[column] = f"{columns[column]}, {heading}" if column in columns else heading
    together = zip(*columns, strict=True)
    return list(columns.values()), [(name, *row) for (name, _), row in zip(names_and_cells, together, strict=True)]


def network_rows(target: Target, worlds: Sequence[WorldFacts]) -> Iterator[tuple[Cell, ...]]:
    """Yield each interface with the groups that it wears in each of the worlds."""
    worn = [_worn(world, target) for world in worlds]
    for interface in dict.fromkeys(each for world in worn for each in world):
        yield (interface, *(each.get(interface, "(none)") for each in worn))


def rule_rows(group: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield what a security group allows: direction, what, peer."""
    for direction, rules in (("in", group["ingress"]), ("out", group["egress"])):
        for rule in rules:
            peer = rule["cidr"] or rule["group"] or rule.get("prefix_list") or "?"
            yield direction, _traffic(rule), str(peer)
        if not rules:
            yield direction, "nothing", ""


def protection_rows(target: Target, worlds: Sequence[WorldFacts]) -> Iterator[tuple[str, ...]]:
    """Yield the settings that keep the host and its disks, in each of the worlds."""
    found = [world.instance(target) or {} for world in worlds]
    for name, key in (("termination protection", "termination_protection"), ("stop protection", "stop_protection")):
        yield (name, *("on" if each.get(key) else "off" for each in found))
    yield ("on shutdown from inside", *(str(each.get("shutdown_behavior", "?")) for each in found))
    yield ("volumes kept on termination", *(_kept(each.get("volumes", [])) for each in found))


def tag_rows(target: Target, worlds: Sequence[WorldFacts]) -> Iterator[tuple[str, ...]]:
    """Yield the instance's tags that are not the same in all of the worlds."""
    tags = [(world.instance(target) or {}).get("tags", {}) for world in worlds]
    for key in sorted({key for each in tags for key in each}):
        values = [each.get(key, "(none)") for each in tags]
        if len(set(values)) > 1:
            yield (key, *values)


def service_rows(target: Target, worlds: Sequence[WorldFacts]) -> Iterator[tuple[Cell, ...]]:
    """Yield the host's state in its scaling groups and target groups, where it is not the same in all of the worlds."""
    yield from _changed([_scaling(world, target) for world in worlds])
    yield from _changed([_targets(world, target) for world in worlds])


def connection_rows(target: Target, worlds: Sequence[WorldFacts]) -> Iterator[tuple[Cell, ...]]:
    """Yield what bears on connections that are open already, where it is not the same in all of the worlds."""
    yield from _changed([_tracking(world, target) for world in worlds])
    addresses = {address for world in worlds for address in world.addresses(target)}
    yield from _changed([_acls(world, target, addresses) for world in worlds])


def identity_rows(target: Target, worlds: Sequence[WorldFacts]) -> Iterator[tuple[Cell, ...]]:
    """Yield roles and users of the account, where they are not the same in all of the worlds."""
    yield from _changed([_profile(world, target) for world in worlds])
    yield from _changed([_roles(world, target) for world in worlds])
    yield from _changed([_users(world, target) for world in worlds])


def _changed(worlds: Sequence[Mapping[str, Cell]]) -> Iterator[tuple[Cell, ...]]:
    for name in dict.fromkeys(each for world in worlds for each in world):
        values: list[Cell] = [world.get(name, "(none)") for world in worlds]
        if len(set(values)) > 1:
            yield (name, *values)


def _scaling(world: WorldFacts, target: Target) -> dict[str, Cell]:
    return {
        f"scaling group {group['name']}": member["lifecycle"] + (", protected" if member["protected"] else "")
        for group in world.there("scaling_groups", target)
        for member in group["instances"]
        if member["id"] == target.instance
    }


def _targets(world: WorldFacts, target: Target) -> dict[str, Cell]:
    names = {target.instance, *world.addresses(target)}
    return {
        f"target group {group['name']}": f"{each['state']} at {each['port']}"
        for group in world.there("target_groups", target)
        for each in group["targets"]
        if each["id"] in names
    }


def _tracking(world: WorldFacts, target: Target) -> dict[str, Cell]:
    found: dict[str, Cell] = {}
    for eni in (world.instance(target) or {"enis": ()})["enis"]:
        tracking = eni.get("connection_tracking") or {}
        found[f"connection tracking of {eni['id']}"] = (
            tuple(f"{key} {tracking[key]} s" for key in tracking) or "default"
        )
        found[f"addresses of {eni['id']}"] = tuple(eni["addresses"])
    return found


def _acls(world: WorldFacts, target: Target, addresses: set[str]) -> dict[str, Cell]:
    """Return how many entries of each network ACL are about the host's own addresses."""
    found: dict[str, Cell] = {}
    for acl in world.there("network_acls", target):
        number = sum(1 for entry in acl["entries"] if (entry["cidr"] or "").partition("/")[0] in addresses)
        found[f"entries of {acl['id']} for the host"] = str(number)
    return found


def _profile(world: WorldFacts, target: Target) -> dict[str, Cell]:
    profile = (world.instance(target) or {}).get("profile")
    return {"instance profile": profile} if profile else {}


def _roles(world: WorldFacts, target: Target) -> dict[str, Cell]:
    found: dict[str, Cell] = {}
    for role in world.there("roles", target):
        policies = [*(policy.rpartition("/")[2] for policy in role["attached"]), *role["inline"]]
        found[f"policies of role {role['name']}"] = tuple(policies) or "none"
        # The host's ARN is long, and its id is printed above.
        tags = (f"{key}: {'this host' if value == target.arn else value}" for key, value in role["tags"].items())
        found[f"tags of role {role['name']}"] = tuple(tags) or "none"
    return found


def _users(world: WorldFacts, target: Target) -> dict[str, Cell]:
    return {
        f"user {user['name']}": (", ".join(user["groups"]) or "in no group", f"{user['active_keys']} active keys")
        for user in world.there("users", target)
    }


def _place(target: Target) -> tuple[str, str, str]:
    return target.account, target.region, target.instance


def _worn(world: WorldFacts, target: Target) -> dict[str, Cell]:
    instance = world.instance(target)
    return {eni["id"]: world.called(eni["groups"]) for eni in instance["enis"]} if instance else {}


def _traffic(rule: Mapping[str, Any]) -> str:
    protocol = "all traffic" if rule["protocol"] == "-1" else str(rule["protocol"])
    first, last = rule["from_port"], rule["to_port"]
    if first is None:
        return protocol
    return f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"


def _kept(volumes: Sequence[Mapping[str, Any]]) -> str:
    kept = sum(1 for volume in volumes if not volume["delete_on_termination"])
    return f"{kept} of {len(volumes)}"
