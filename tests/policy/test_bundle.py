# SPDX-License-Identifier: Apache-2.0
"""Bundles that are read, and bundles that are refused with a sentence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.policy.bundle import Bundle, BundleError, canonical, node_hash
from functions.policy.errors import PolicyError
from functions.policy.model import Mode
from tests.policy.made import ACCOUNT

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "small" / "bundle.json").read_text(encoding="utf-8"))


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    value = json.loads(json.dumps(GOLDEN))
    change(value)
    return json.dumps(value).encode()


def replaced(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Change the root's node and put it back under its new hash."""
    value = json.loads(json.dumps(GOLDEN))
    node = value["nodes"].pop(value["ous"]["/"])
    change(node)
    value["ous"]["/"] = node_hash(node)
    value["nodes"][value["ous"]["/"]] = node
    return json.dumps(value).encode()


def test_digest_and_organisation() -> None:
    data = canonical(GOLDEN)
    bundle = Bundle.loads(data)
    assert (bundle.digest, bundle.organization) == (hashlib.sha256(data).hexdigest(), "o-exampleorgid")


@pytest.mark.parametrize(
    ("account", "ou", "mode"),
    [
        ("111122223333", "/", Mode.OBSERVE),
        ("111122223333", "", Mode.OBSERVE),
        ("111122223333", "/Workloads", Mode.OBSERVE),
        ("111122223333", "/Workloads/Production", Mode.OBSERVE),
        ("111122223333", "/Workloads/Prod", Mode.APPROVE),
        ("111122223333", "/Workloads/Prod/", Mode.APPROVE),
        ("111122223333", "/Workloads/Prod/A/B", Mode.APPROVE),
        (ACCOUNT, "/Elsewhere", Mode.OBSERVE),
        (ACCOUNT, "/Workloads/Prod/A", Mode.APPROVE),
    ],
)
def test_the_deepest_place_counts(account: str, ou: str, mode: Mode) -> None:
    tor = next(rule for rule in Bundle.loads(canonical(GOLDEN)).policy_for(account, ou).rules if rule.id == "tor")
    assert tor.mode is mode


def test_a_policy_is_parsed_once() -> None:
    bundle = Bundle.loads(canonical(GOLDEN))
    assert bundle.policy_for("1", "/") is bundle.policy_for("2", "/Sandbox")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the policy bundle is not JSON"),
        (b"\xff\xfe{", "the policy bundle is not JSON"),
        (b"[" * 100_000, "the policy bundle is not JSON"),
        (b"[]", "the policy bundle is not a JSON object"),
        (changed(lambda value: value.update(schema=2)), "the policy bundle has schema 2, this version reads 1"),
        (changed(lambda value: value.pop("organization")), "organization of the policy bundle is not text"),
        (changed(lambda value: value.pop("nodes")), "nodes of the policy bundle is not a JSON object"),
        (changed(lambda value: value["ous"].pop("/")), "the policy bundle lacks the policy of the root"),
        (
            changed(lambda value: value["accounts"].update({ACCOUNT: {}})),
            "the policy bundle lacks the policy of the root",
        ),
        (
            changed(lambda value: value["ous"].update({"/": "0" * 64})),
            "the policy bundle lacks policy node 000000000000",
        ),
        (changed(lambda value: next(iter(value["nodes"].values())).update(x=1)), "is not what its hash says"),
        (replaced(lambda node: node.update(kind="rule")), "the policy bundle lacks policy node"),
        (replaced(lambda node: node.pop("limits")), "can't be read \\(KeyError\\('limits'\\)\\)"),
        (replaced(lambda node: node.update(eks_nodes="maybe")), "can't be read"),
        (replaced(lambda node: node["limits"].update(more=1)), "can't be read"),
        (replaced(lambda node: node.update(rules=["0" * 64])), "the policy bundle lacks rule node"),
    ],
)
def test_refused_with_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(BundleError, match=sentence):
        Bundle.loads(data)


@given(
    st.binary(max_size=60)
    | st.sampled_from(sorted(GOLDEN)).map(lambda key: changed(lambda value: value.update({key: None})))
)
def test_nothing_else_is_raised(data: bytes) -> None:
    with pytest.raises(PolicyError):
        Bundle.loads(data)
