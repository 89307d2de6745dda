# SPDX-License-Identifier: Apache-2.0
"""Options that contradict one another, or that the deployment doesn't support: what policy alone shows.

The checks run once layers are merged, and name the line of the deepest layer that has a part in the contradiction. If
only the host shows it (a public address, a VPC of another account), the step itself refuses. Options of a step that is
switched off cause no error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from functions import names
from hub.policy.errors import BUILT_IN, Located, located
from hub.policy.tree import Branch, Leaf

_ADDRESSES = ("cidrs", "security_groups", "prefix_lists")
_LOST_BY_CUT = {
    "security_groups": "a network ACL can't name security_groups; use only cidrs",
    "prefix_lists": "a network ACL can't name prefix_lists; use only cidrs",
    "ssm": "the endpoints of Session Manager are in subnets that would deny the host; use only cidrs",
}
_OPT_IN = {"inline": True, "revoke_sessions": True, "instance_profile": "swap"}
"""Options of role_denial, with the values that take the opt-in role."""

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What a deployment gives the steps. Where its settings can't be read, everything is taken to be there."""

    identity_role: bool = True
    qualifier: str = "cordon"


EVERYTHING = Given()


def contradictions_of_steps(steps: Branch, rule: str, own: Branch, given: Given) -> Iterator[Located]:
    """Yield what is wrong with the options in force for a rule; ``own`` is its branch, so that paths lead there."""
    found: list[tuple[Path, Leaf, str]] = []
    isolate, role_denial = _enabled(steps, "isolate"), _enabled(steps, "role_denial")
    if isolate is not None:
        found += _isolate(isolate)
    if role_denial is not None:
        found += _role_denial(role_denial, given)
    if isolate is not None and role_denial is not None:
        found += _way_in(isolate, role_denial)
    for path, leaf, message in found:
        here = ("steps", *path)
        yield located(leaf.place, ("rules", rule, *here) if own.leaf(*here) is not None else here, message)


def _enabled(steps: Branch, name: str) -> Branch | None:
    options = steps.branch(name)
    return options if name in steps.children and _value(options, "enabled", default=True) else None


def _isolate(options: Branch) -> Iterator[tuple[Path, Leaf, str]]:
    access = options.branch("access")
    ports, sources = access.leaf("ports"), {key: access.leaf(key) for key in _ADDRESSES}
    some = [leaf for leaf in sources.values() if leaf is not None and leaf.value]
    if ports is not None and ports.value and not some:
        key, leaf = _deepest([("ports", ports), *sources.items()])
        listed = f"{', '.join(_ADDRESSES[:-1])} and {_ADDRESSES[-1]}"
        yield ("isolate", "access", key), leaf, f"ports without an address give no access: name addresses in {listed}"
    if some and not (ports is not None and ports.value):
        key, leaf = _deepest([("ports", ports), *sources.items()])
        yield ("isolate", "access", key), leaf, "addresses without a port give no access: name ports"
    network_acl = options.leaf("network_acl")
    if network_acl is None or not network_acl.value:
        return
    for other, why in _LOST_BY_CUT.items():
        found = access.leaf(other)
        if found is not None and found.value:
            path, leaf = max(
                ((("network_acl",), network_acl), (("access", other), found)), key=lambda each: each[1].depth
            )
            yield ("isolate", *path), leaf, f"network_acl would deny the investigators too: {why}"


def _role_denial(options: Branch, given: Given) -> Iterator[tuple[Path, Leaf, str]]:
    for key, value in _OPT_IN.items():
        leaf = options.leaf(key)
        if leaf is not None and leaf.value == value and not given.identity_role:
            yield (
                ("role_denial", key),
                leaf,
                "needs the opt-in role: set rollout.identity: true in deployment.yaml and deploy, or leave this out",
            )
    tag = options.leaf("user_tag")
    if tag is not None and (tag.value == names.STATUS_TAG or tag.value.startswith(f"{given.qualifier}:")):
        yield ("role_denial", "user_tag"), tag, f"{tag.value!r} is a tag that Cordon itself writes: name another tag"


def _way_in(isolate: Branch, role_denial: Branch) -> Iterator[tuple[Path, Leaf, str]]:
    """Yield what denies Session Manager to the host's role, where investigators come by it."""
    way = isolate.leaf("access", "ssm")
    if way is None or not way.value:
        return
    swap, message = (
        role_denial.leaf("instance_profile"),
        "denies the host Systems Manager, which isolate.access.ssm needs",
    )
    if swap is not None and swap.value == "swap":
        yield ("role_denial", "instance_profile"), swap, f"swap {message}"
    denied = _value(role_denial, "role", default="deny") == "deny" or _value(role_denial, "inline", default=False)
    if denied and _value(role_denial, "ssm", default="deny") == "deny":
        key = next((key for key in ("ssm", "role", "inline") if role_denial.leaf(key) is not None), None)
        path, leaf = (("role_denial", key), role_denial.leaf(key)) if key else (("isolate", "access", "ssm"), way)
        yield path, leaf or way, f"denying the role {message}: set role_denial.ssm: exempt"


def _value(options: Branch, key: str, *, default: Any) -> Any:
    found = options.leaf(key)
    return default if found is None else found.value


def _deepest(leaves: Sequence[tuple[str, Leaf | None]]) -> tuple[str, Leaf]:
    """Return the key that was decided last; of equals, the first that a file has with a value."""
    there = [(key, leaf) for key, leaf in leaves if leaf is not None]
    return max(there, key=lambda each: (each[1].depth, each[1].place.origin != BUILT_IN, bool(each[1].value)))
