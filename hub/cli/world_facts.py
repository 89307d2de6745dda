# SPDX-License-Identifier: Apache-2.0
"""Answers from a world's document: what an instance wears, what a group lets through. Pure."""

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
    """Yield what a security group lets through: direction, what, peer."""
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
