# SPDX-License-Identifier: Apache-2.0
"""Hosts and policies for the fault matrix: between them they make every AWS call of every step and option."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.steps.network.idle_timeout import DEFAULTS
from hub.simulation.events import SourceEvent
from hub.simulation.faults import Fault
from hub.simulation.run import SimulationRequest, SimulationResult, run
from hub.simulation.world_spec import (
    AccountSpec,
    Eni,
    Instance,
    OrganizationSpec,
    Profile,
    ScalingGroup,
    TargetGroupSpec,
    User,
    WorldSpec,
)
from tests.finding.findings import asff, envelope
from tests.intake.policies import C2, policy

ACCOUNT, REGION = "444455556666", "eu-west-1"
HOST, SIBLING = "i-0000000000000001", "i-0000000000000002"
USER = "deploy-bot"


@dataclass(frozen=True)
class FaultScenario:
    """A policy's steps as YAML, and what of the world is special; ``steps``: those that it is about."""

    steps: str
    host: Mapping[str, Any] = field(default_factory=dict)
    users: tuple[User, ...] = ()
    identity_role: bool = False

    @property
    def world(self) -> WorldSpec:
        """The host with all that is special of it, and a sibling that must not be touched."""
        host = Instance(HOST, ACCOUNT, REGION, **{"enis": (Eni(), Eni()), "volumes": 2, **self.host})
        kept = ("scaling_group", "target_groups", "profile")
        sibling = Instance(SIBLING, ACCOUNT, REGION, **{name: each for name, each in self.host.items() if name in kept})
        return WorldSpec(
            organization=OrganizationSpec(identity_role=self.identity_role),
            accounts={ACCOUNT: AccountSpec("payments-prod", "/Workloads/Prod")},
            instances=(host, sibling),
            users=self.users,
        )


_ACCESS = "access: {ports: [22], cidrs: [198.51.100.0/24]}"
_MEMBER = {
    "scaling_group": ScalingGroup("web", min=1, max=4, desired=2),
    "target_groups": (TargetGroupSpec("web", 8080),),
    "profile": Profile("app-profile", "app-role"),
}
SCENARIOS: Mapping[str, FaultScenario] = {
    "member of a scaling group": FaultScenario(
        f"{{scaling: {{}}, capture: {{}}, role_denial: {{users: [{USER}]}}, isolate: {{{_ACCESS}}}}}",
        _MEMBER,
        users=(User(USER, ACCOUNT, active_keys=2),),
    ),
    "detached, connections ended": FaultScenario(
        f"{{scaling: {{leave: detach}}, capture: {{user_data: true}}, "
        f"isolate: {{{_ACCESS}, idle_timeout: true, network_acl: true, public_address: disassociate}}}}",
        {**_MEMBER, "public_ip": "elastic"},
    ),
    "opt-in identity": FaultScenario(
        f"{{isolate: {{{_ACCESS}}}, role_denial: {{inline: true, revoke_sessions: true, instance_profile: swap}}}}",
        {"profile": Profile("app-profile", "app-role")},
        identity_role=True,
    ),
}

EVENT = SourceEvent.of("finding.json", 0, envelope(asff(C2, account=ACCOUNT, region=REGION, instances=(HOST,))))


def request(scenario: FaultScenario, *faults: Fault) -> SimulationRequest:
    """Return what a simulation of the scenario needs."""
    return SimulationRequest([EVENT], policy(f"steps: {scenario.steps}\n"), scenario.world, faults=faults)


def contained(scenario: FaultScenario, *faults: Fault) -> SimulationResult:
    """Run the scenario's containment under these faults."""
    return run(request(scenario, *faults))


def effects(world: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was done to the host and whatever hangs on it, with ids that vary taken out."""
    (host,) = [each for each in world["instances"] if each["id"] == HOST]
    groups = {each["id"]: each for each in world["security_groups"]}
    worn = [groups[group]["name"] for eni in host["enis"] for group in eni["groups"]]
    (role,) = [each for each in world["roles"] if each["name"] == "app-role"] or [{}]
    return {
        "isolated": all(name.startswith("cordon-quarantine-") for name in worn),
        "tracking": [eni["connection_tracking"] for eni in host["enis"]],
        "addresses": [len(eni["addresses"]) for eni in host["enis"]],
        "protection": (host["termination_protection"], host["stop_protection"], host["shutdown_behavior"]),
        "volumes": [volume["delete_on_termination"] for volume in host["volumes"]],
        "tagged": host["tags"].get("status") == "isolated",
        "snapshots": len({each["volume"] for each in world["snapshots"]}),
        "scaling": [
            each["lifecycle"] for group in world["scaling_groups"] for each in group["instances"] if each["id"] == HOST
        ],
        "targets": [each["id"] for group in world["target_groups"] for each in group["targets"] if each["id"] == HOST],
        "role": (
            sorted(role.get("attached", [])),
            sorted(set(role.get("tags", {}).values())),
            len(role.get("inline", {})),
        ),
        "users": [(each["groups"], each["active_keys"]) for each in world["users"]],
        "acls": sorted(
            (entry["egress"], entry["action"], entry["cidr"])
            for acl in world["network_acls"]
            for entry in acl["entries"]
        ),
        "profile": host["profile"],
    }


def bystanders(world: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that belongs to somebody else: it must never change."""
    groups = {each["id"] for each in world["security_groups"] if each["name"].startswith("cordon-")}
    return {
        "instances": [each for each in world["instances"] if each["id"] == SIBLING],
        "groups": [each for each in world["security_groups"] if each["id"] not in groups],
    }


def as_it_began(world: Mapping[str, Any], *, but: Collection[str] = ()) -> dict[str, Any]:
    """Return all that a release gives back, of the two hosts and what they share.

    ``but``: the steps whose work is left to a person.
    """
    ours = {HOST, SIBLING}
    hosts = [dict(each) for each in world["instances"] if each["id"] in ours]
    for host in hosts:
        # What was not configured can't be unset: the defaults stand there then, and mean the same.
        host["enis"] = [{**eni, "connection_tracking": eni["connection_tracking"] or DEFAULTS} for eni in host["enis"]]
        if "profile" in but:
            del host["profile"]
    return {
        **{name: world[name] for name in ("network_acls", "users")},
        "instances": hosts,
        "roles": [
            {name: each for name, each in role.items() if name != "inline" or "sessions" not in but}
            for role in world["roles"]
        ],
        "scaling": [each for group in world["scaling_groups"] for each in group["instances"] if each["id"] in ours],
        "targets": [each for group in world["target_groups"] for each in group["targets"] if each["id"] in ours],
        "groups": bystanders(world)["groups"],
    }
