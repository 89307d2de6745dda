# SPDX-License-Identifier: Apache-2.0
"""From a directory of policy files to the bundle that the functions use, or to all errors in the files.

The same files give the same bytes, wherever and whenever: no clock, no machine, no order of a directory listing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from functions.finding.types import known
from functions.policy.bundle import SCHEMA, Bundle, canonical, node_hash
from hub.policy.bounds import bounds_of
from hub.policy.checks import check_words
from hub.policy.contradictions import EVERYTHING, Given
from hub.policy.effective import effective
from hub.policy.errors import Located, PolicyErrors, located, suggestion
from hub.policy.layers import Layers, built_in, read_layers
from hub.policy.lock import Lock, read_lock
from hub.policy.reader import Document
from hub.policy.tree import grow, merge

ROOT = "/"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A configuration that compiles. ``data`` are the bundle's bytes, ``bundle`` the policies, ready to look up."""

    data: bytes
    bundle: Bundle
    lock: Lock
    layers: int
    rules: int
    warnings: tuple[Located, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, hexadecimal."""
        return self.bundle.digest


@dataclass(slots=True)
class _Builder:
    layers: Layers
    given: Given
    errors: list[Located] = field(default_factory=list)
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    rule_ids: set[str] = field(default_factory=set)

    def place(self, documents: Sequence[Document], *, strict: bool) -> str:
        """Compile what is in force under these files; return the node's hash."""
        merged = grow(built_in(), 0)
        bounds = []
        for depth, document in enumerate(documents, 1):
            layer = grow(document, depth)
            bounds += bounds_of(layer)
            merged = merge(merged, layer)
        found = effective(merged, bounds, self.given, strict=strict)
        self.errors += found.errors
        self.rule_ids.update(rule["id"] for rule in found.rules)
        return self.keep(
            {
                **found.policy,
                "rules": [self.keep(rule) for rule in found.rules],
                "exceptions": [self.keep(exception) for exception in found.exceptions],
            }
        )

    def keep(self, node: dict[str, Any]) -> str:
        """Keep a node once; return its hash."""
        key = node_hash(node)
        self.nodes[key] = node
        return key


def compile_config(directory: Path, known_types: Collection[str] | None = None, given: Given = EVERYTHING) -> Compiled:
    """Compile the policy files under a directory; raise PolicyErrors with everything that is wrong.

    ``known_types`` are the GuardDuty types that patterns are checked against; by default those of the table. ``given``
    is what the deployment gives the steps; by default everything.
    """
    layers = read_layers(directory)
    errors = list(layers.errors)
    lock: Lock | None = None
    try:
        lock = read_lock(directory)
    except PolicyErrors as error:
        errors += error.errors
    types = known() if known_types is None else known_types
    for document in layers:
        errors += check_words(document, types)
    builder = _Builder(layers, given)
    ous, accounts = _places(builder, lock)
    errors += builder.errors
    errors += _strangers(layers, lock)
    if not errors:
        errors += _idle_bounds(layers, builder.rule_ids)
    if errors or lock is None:
        raise PolicyErrors(errors)
    data = canonical(
        {
            "schema": SCHEMA,
            "organization": lock.organization,
            "accounts": accounts,
            "ous": ous,
            "nodes": builder.nodes,
        }
    )
    return Compiled(
        data=data,
        bundle=Bundle.loads(data),
        lock=lock,
        layers=sum(1 for _ in layers),
        rules=len(builder.rule_ids),
        warnings=(*_empty_ous(layers, lock), *_idle_exceptions(layers, lock)),
    )


def _places(builder: _Builder, lock: Lock | None) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    layers = builder.layers
    if layers.organization is None:
        return {}, {}
    ous = {ROOT: builder.place([layers.organization], strict=True)}
    if layers.lacks_ou:
        return ous, {}
    for ou in layers.ous:
        ous[ou] = builder.place(layers.above(ou), strict=True)
    accounts = {}
    for account, document in layers.accounts.items():
        home = _deepest(ous, lock.accounts[account].ou) if lock and account in lock.accounts else None
        accounts[account] = {ou: builder.place([*layers.above(ou), document], strict=ou == home) for ou in ous}
    return ous, accounts


def _deepest(ous: Mapping[str, str], ou: str) -> str:
    while ou not in ous:
        ou = ou.rpartition("/")[0] or ROOT
    return ou


def _strangers(layers: Layers, lock: Lock | None) -> list[Located]:
    if lock is None:
        return []
    errors = []
    for account, document in layers.accounts.items():
        if account not in lock.accounts:
            message = f"{account!r} is no account of organization.lock.json"
            errors.append(
                located(document.value(("account",)), ("account",), message, suggestion(account, lock.accounts))
            )
    return errors


def _idle_bounds(layers: Layers, rules: Collection[str]) -> list[Located]:
    errors = []
    for document in layers:
        for rule in document.data.get("bounds", {}).get("rules", {}):
            if rule not in rules:
                path = ("bounds", "rules", rule)
                errors.append(located(document.key(path), path, f"there is no rule {rule!r}", suggestion(rule, rules)))
    return errors


def _empty_ous(layers: Layers, lock: Lock) -> list[Located]:
    places = {each.ou for each in lock.accounts.values()}
    above = {place[:end] for place in places for end, char in enumerate(place + "/") if char == "/" and end}
    return [
        located(
            document.value(("ou",)),
            ("ou",),
            "no account of organization.lock.json is in this OU",
            suggestion(ou, above),
        )
        for ou, document in layers.ous.items()
        if ou not in above
    ]


def _idle_exceptions(layers: Layers, lock: Lock) -> list[Located]:
    return [
        located(
            document.value(("exceptions", name, "account")),
            ("exceptions", name, "account"),
            f"{account!r} is no account of organization.lock.json",
            suggestion(account, lock.accounts),
        )
        for document in layers
        for name, exception in document.data.get("exceptions", {}).items()
        if (account := exception.get("account")) is not None and account not in lock.accounts
    ]
