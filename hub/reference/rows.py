# SPDX-License-Identifier: Apache-2.0
"""What is measured: each step and option by itself, on a host that it applies to. Data alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hub.demo.scenarios import API
from hub.simulation.world_spec import Instance, Profile, ScalingGroup, TargetGroupSpec, User

ACCESS = {"access": {"ports": [22], "cidrs": ["198.51.100.0/24"]}}
PLAIN_STEPS: Mapping[str, Any] = {"isolate": ACCESS, "protect": {}, "snapshot": {}, "tags": {}}
"""The steps that every host has a use for, in the plainest way."""

USER = "alice"

_HOST = Instance(API.instance, API.account, API.region, groups=("web",), profile=Profile("payments", "payments"))
_MEMBERS_HOST = replace(
    _HOST, scaling_group=ScalingGroup("payments"), target_groups=(TargetGroupSpec("payments", 8080),)
)
HOSTS: Mapping[str, tuple[Instance, ...]] = {
    "a host": (_HOST,),
    "a host with an Elastic IP": (replace(_HOST, public_ip="elastic"),),
    "a member of a scaling group with a target group": (
        _MEMBERS_HOST,
        *(replace(_MEMBERS_HOST, id=f"i-0a1f2e3d4c5b6071{number}") for number in (1, 2, 3)),
    ),
}
"""Kinds of hosts; the first is the one that is contained, the others are its neighbours."""

USERS = (User(USER, API.account),)


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: the steps of the plain policy with ``changes`` laid over them, on a kind of host.

    ``step`` is the record's name, whose outcome has to be done.
    """

    name: str
    step: str
    changes: Mapping[str, Any]
    host: str = "a host"

    @property
    def steps(self) -> dict[str, Any]:
        """What policy says, without the steps that are switched off."""
        laid = {**PLAIN_STEPS, **self.changes}
        merged = {name: {**PLAIN_STEPS.get(name, {}), **options} for name, options in laid.items()}
        return {name: options for name, options in merged.items() if options.get("enabled", True)}


_MEMBER = "a member of a scaling group with a target group"
_PUBLIC = "a host with an Elastic IP"
ROWS = (
    Row("everything that is on by default", "role_denial", {"scaling": {}, "capture": {}, "role_denial": {}}),
    Row("the same", "role_denial", {"scaling": {}, "capture": {}, "role_denial": {}}, _MEMBER),
    Row("scaling", "scaling", {"scaling": {}}, _MEMBER),
    Row("scaling, `leave: detach`", "scaling", {"scaling": {"leave": "detach"}}, _MEMBER),
    Row("scaling, `replace: false`", "scaling", {"scaling": {"replace": False}}, _MEMBER),
    Row("scaling, `targets: keep`", "scaling", {"scaling": {"targets": "keep"}}, _MEMBER),
    Row("isolate, `idle_timeout: true`", "idle_timeout", {"isolate": {"idle_timeout": True}}),
    Row("isolate, `network_acl: true`", "network_acl", {"isolate": {"network_acl": True}}),
    Row(
        "isolate, `public_address: disassociate`",
        "public_address",
        {"isolate": {"public_address": "disassociate"}},
        _PUBLIC,
    ),
    Row("capture", "capture", {"capture": {}}),
    Row("capture, `user_data: true`", "capture", {"capture": {"user_data": True}}),
    Row("role_denial", "role_denial", {"role_denial": {}}),
    Row(
        "role_denial, `role: keep` and `users` of one name", "users", {"role_denial": {"role": "keep", "users": [USER]}}
    ),
    Row("role_denial, `inline: true`", "sessions", {"role_denial": {"inline": True}}),
    Row("role_denial, `revoke_sessions: true`", "sessions", {"role_denial": {"revoke_sessions": True}}),
    Row("role_denial, `instance_profile: swap`", "instance_profile", {"role_denial": {"instance_profile": "swap"}}),
)
