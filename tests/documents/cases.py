# SPDX-License-Identifier: Apache-2.0
"""What is simulated: every finding of the project by the shipped policy, and ten hosts with every option."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from hub.policy.compile import compile_config
from hub.simulation.events import load, targets_named
from hub.simulation.faults import parse_fault
from hub.simulation.run import SimulationRequest, run
from hub.simulation.world_spec import (
    Eni,
    GroupRuleSpec,
    Instance,
    OrganizationSpec,
    Profile,
    ScalingGroup,
    SecurityGroup,
    TargetGroupSpec,
    User,
    WorldSpec,
)
from tests.scenario import ACCOUNTS, NOW, REGION

ROOT = Path(__file__).parents[2]
FINDINGS = (ROOT / "hub" / "demo" / "findings", ROOT / "tests" / "events")
HOST_FINDING = ROOT / "hub" / "demo" / "findings" / "command-and-control.json"
EVERY_OPTION = Path(__file__).parent / "every-option.yaml"
HOST, ACCOUNT = "i-0a1f2e3d4c5b60718", "444455556666"
WEB = ScalingGroup("web", min=0, max=4, desired=2)


def host(**fields: Any) -> Instance:
    return Instance(**{"id": HOST, "account": ACCOUNT, "region": REGION, **fields})


def beside(**fields: Any) -> Instance:
    return host(id="i-0000000000000002", **fields)


@dataclass(frozen=True)
class Case:
    """One simulation. Without ``instances`` the world is what the finding names."""

    finding: Path
    every_option: bool = False
    instances: tuple[Instance, ...] = ()
    how: dict[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    world: dict[str, Any] = field(default_factory=dict)


_OPEN = GroupRuleSpec("-1", "0.0.0.0/0")
HOSTS: dict[str, dict[str, Any]] = {
    "plain": {"instances": (host(),)},
    "interfaces": {"instances": (host(enis=(Eni(ipv6=True), Eni(), Eni(ipv4=False, ipv6=True)), volumes=3),)},
    "scaling": {
        "instances": (
            host(scaling_group=WEB, target_groups=(TargetGroupSpec("web", 8080),)),
            beside(scaling_group=WEB, target_groups=(TargetGroupSpec("web", 8080),)),
        )
    },
    "identity": {
        "instances": (host(profile=Profile("app", "app-role"), tags={"owner": "alice"}), beside()),
        "world": {"organization": OrganizationSpec(identity_role=True), "users": (User("alice", ACCOUNT, 2),)},
    },
    "public": {"instances": (host(public_ip="elastic", enis=(Eni(), Eni())),)},
    "spot": {"instances": (host(lifecycle="spot", nitro=False, instance_store=True),)},
    "managed": {"instances": (host(managed_by="eks-auto"),)},
    "requester": {"instances": (host(enis=(Eni(), Eni(requester_managed=True), Eni(trunk=True))),)},
    "stopped": {"instances": (host(state="stopped", target_groups=(TargetGroupSpec("web", by="ip"),)), beside())},
    "squatter": {
        "instances": (host(vpc_owner="666677778888"), beside()),
        "world": {
            "security_groups": (
                SecurityGroup(ACCOUNT, REGION, "cordon-quarantine", ingress=(_OPEN,), worn_by=("i-0000000000000002",)),
            )
        },
    },
}
WAYS: dict[str, dict[str, Any]] = {
    "released": {"how": {"latency_ms": 50, "then_release": True}},
    "thrice": {"how": {"deliveries": 3}},
    "parallel": {"how": {"parallel": 4, "latency_ms": 20}},
    "crash": {"faults": ("ec2:ModifyNetworkInterfaceAttribute=crash-after",), "how": {"then_release": True}},
    "throttled": {"faults": ("ec2:CreateSecurityGroup=RequestLimitExceeded*2", "ec2:CreateTags=AccessDenied")},
}


def cases() -> Iterator[tuple[str, Case]]:
    """Give every case with its name."""
    for folder in FINDINGS:
        for file in sorted(folder.glob("*.json")):
            yield f"{folder.name}-{file.stem}", Case(file, how={"latency_ms": 50, "then_release": True})
    for name, world in HOSTS.items():
        for way, extra in WAYS.items():
            yield f"host-{name}-{way}", Case(HOST_FINDING, **{"every_option": way == "released", **world, **extra})
            if way == "released":
                yield f"host-{name}-shipped", Case(HOST_FINDING, **{**world, **extra})


@cache
def bundle(*, every_option: bool) -> bytes:
    """Return the shipped policy, or that with every option on for the host's account."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        shutil.copytree(ROOT / "config", config)
        if every_option:
            shutil.copy(EVERY_OPTION, config / "accounts" / "payments-prod.yaml")
        return compile_config(config).data


def document_of(case: Case) -> dict[str, Any]:
    """Simulate a case and return the document of the contract."""
    events = load([str(case.finding)])
    if case.instances:
        spec = WorldSpec(accounts=ACCOUNTS, instances=case.instances, **case.world)
    else:
        targets, accounts = targets_named(events)
        spec = WorldSpec.from_targets(targets, "/Workloads/Prod").with_accounts(accounts)
    faults = tuple(parse_fault(text) for text in case.faults)
    policy = bundle(every_option=case.every_option)
    return run(SimulationRequest(events, policy, spec, now=NOW, seed=1, faults=faults, **case.how)).document()
