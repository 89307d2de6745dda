# SPDX-License-Identifier: Apache-2.0
"""The compiled policy: read from bytes, checked, looked up by account.

A bundle is JSON. ``nodes`` maps the SHA-256 of a node's canonical JSON to the node, so that accounts and organisational
units share what is the same::

    {"schema": 1, "organization": "o-...", "accounts": {ID: {OU: HASH}}, "ous": {OU: HASH}, "nodes": {HASH: NODE}}

    policy     {"kind": "policy", "rules": [HASH], "exceptions": [HASH], "limits": {...}, "max_age_seconds": N,
                "eks_nodes": MODE, "after_release": MODE, "origins": {LEAF: "file:line"}}
    rule       {"kind": "rule", "id", "types", "severity", "where", "mode", "steps", "origins"}
    exception  {"kind": "exception", "id", "mode", "reason", "until", "rules", "account", "instance", "image",
                "scaling_group", "tags", "where", "origins"}

An account with a file of its own has a node for each OU that has a file, because an account can be moved; which OU it
is in is known at run time alone. A place without a node inherits from the deepest one above it; ``/`` is always there.

Nothing but JSON is read here: the file is made by the build side, which checks what it means.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from functions.finding.model import Label
from functions.policy.errors import BundleError
from functions.policy.model import Limits, Match, Mode, Policy, PolicyException, Rule

__all__ = ["SCHEMA", "Bundle", "BundleError", "canonical", "node_hash"]

SCHEMA = 1
ROOT = "/"

_Parsed = TypeVar("_Parsed", Policy, Rule, PolicyException)
_Node = Mapping[str, Any]


def canonical(value: object) -> bytes:
    """Return the one spelling of a JSON value that hashes are taken of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def node_hash(node: Mapping[str, Any]) -> str:
    """Return the key of a node: SHA-256, hexadecimal, of its canonical JSON."""
    return hashlib.sha256(canonical(node)).hexdigest()


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle, with every node parsed once; looking a policy up is O(1) by account, O(depth) by OU."""

    digest: str
    organization: str
    accounts: Mapping[str, Mapping[str, str]]
    ous: Mapping[str, str]
    nodes: Mapping[str, _Node]
    _parsed: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def loads(cls, data: bytes) -> Bundle:
        """Read and check a bundle; raise BundleError with a sentence when it can't be acted by.

        Checked: JSON of this schema, every node's hash, every reference, and that every node can be read.
        """
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BundleError(f"the policy bundle is not JSON ({error})") from error
        if not isinstance(value, dict):
            raise BundleError("the policy bundle is not a JSON object")
        if value.get("schema") != SCHEMA:
            raise BundleError(f"the policy bundle has schema {value.get('schema')!r}, this version reads {SCHEMA}")
        nodes = _objects(value, "nodes")
        for key, node in nodes.items():
            if not isinstance(node, dict) or _hash(node) != key:
                raise BundleError(f"node {key[:12]} of the policy bundle is not what its hash says")
        bundle = cls(
            digest=hashlib.sha256(data).hexdigest(),
            organization=_text(value, "organization"),
            accounts={account: _places(places) for account, places in _objects(value, "accounts").items()},
            ous=_places(_objects(value, "ous")),
            nodes=nodes,
        )
        for places in (bundle.ous, *bundle.accounts.values()):
            for key in places.values():
                bundle._policy(key)
        return bundle

    def policy_for(self, account: str, ou: str) -> Policy:
        """Return what is in force for an account that is in that OU (a path such as ``/Workloads/Prod``)."""
        return self._policy(_deepest(self.accounts.get(account, self.ous), ou))

    def _policy(self, key: str) -> Policy:
        return self._read(key, "policy", self._parse_policy)

    def _read(self, key: str, kind: str, parse: Callable[[_Node], _Parsed]) -> _Parsed:
        if key in self._parsed:
            found: _Parsed = self._parsed[key]
            return found
        node = self.nodes.get(key)
        if node is None or node.get("kind") != kind:
            raise BundleError(f"the policy bundle lacks {kind} node {key[:12]}")
        try:
            parsed = parse(node)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"{kind} node {key[:12]} of the policy bundle can't be read ({error!r})") from error
        self._parsed[key] = parsed
        return parsed

    def _parse_policy(self, node: _Node) -> Policy:
        return Policy(
            rules=tuple(self._read(key, "rule", _rule) for key in node["rules"]),
            exceptions=tuple(self._read(key, "exception", _exception) for key in node["exceptions"]),
            limits=Limits(**{name: int(value) for name, value in node["limits"].items()}),
            max_age_seconds=int(node["max_age_seconds"]),
            eks_nodes=Mode(node["eks_nodes"]),
            appliances=Mode(node.get("appliances", Mode.APPROVE)),
            last_healthy_target=Mode(node.get("last_healthy_target", Mode.APPROVE)),
            after_release=Mode(node["after_release"]),
        )


def _rule(node: _Node) -> Rule:
    return Rule(
        id=node["id"],
        match=Match(types=tuple(node["types"]), severity=Label(node["severity"]), where=node["where"]),
        mode=Mode(node["mode"]),
        steps={name: dict(options) for name, options in node["steps"].items()},
        origin=node["origins"]["mode"],
    )


def _exception(node: _Node) -> PolicyException:
    until = datetime.fromisoformat(node["until"])
    if until.tzinfo is None:
        raise ValueError("until has no time zone")
    return PolicyException(
        id=node["id"],
        mode=Mode(node["mode"]),
        reason=node["reason"],
        until=until,
        origin=node["origins"]["id"],
        rules=tuple(node["rules"]),
        account=node["account"],
        instance=node["instance"],
        image=node["image"],
        scaling_group=node["scaling_group"],
        tags=dict(node["tags"]),
        where=node["where"],
    )


def _deepest(places: Mapping[str, str], ou: str) -> str:
    path = ou.rstrip("/")
    while path and path not in places:
        path = path.rpartition("/")[0]
    return places[path or ROOT]


def _places(value: object) -> Mapping[str, str]:
    if (
        not isinstance(value, dict)
        or ROOT not in value
        or not all(isinstance(key, str) and isinstance(to, str) for key, to in value.items())
    ):
        raise BundleError("the policy bundle lacks the policy of the root, or names a node wrongly")
    return value


def _objects(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    if not isinstance(found, dict):
        raise BundleError(f"{name} of the policy bundle is not a JSON object")
    return found


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    if not isinstance(found, str):
        raise BundleError(f"{name} of the policy bundle is not text")
    return found


def _hash(node: Mapping[str, Any]) -> str:
    try:
        return node_hash(node)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"a node of the policy bundle can't be hashed ({error})") from error
