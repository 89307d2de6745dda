# SPDX-License-Identifier: Apache-2.0
"""Residual risk: each word stands for what is known of the host until something takes its ground away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from functions.containment.verdict import judge, own_channel
from functions.incident.model import ItemOutcome, State, StepOutcome, StepResult
from functions.steps import registry
from functions.steps.host import SCALING_GROUP_TAG, Host, PublicAddress
from functions.steps.iam.users import ABSENT
from functions.steps.risk import SWITCHED_OFF
from tests.containment.hosts import host, interface
from tests.results import step_result

DONE, FAILED, SKIPPED = StepOutcome.DONE, StepOutcome.FAILED, StepOutcome.SKIPPED
ALWAYS = {"tracked-connections", "dns", "instance-metadata"}
CUT = (ALWAYS - {"tracked-connections"}) | {"subnet-connections"}
LEAKED = "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS"
REBIND = "UnauthorizedAccess:EC2/MetadataDNSRebind"
EXFILTRATION = "Trojan:EC2/DNSDataExfiltration"


def did(name: str, outcome: StepOutcome = DONE, reason: str = "", *items: StepOutcome, **receipt: Any) -> StepResult:
    made = tuple(ItemOutcome(f"{name} {number}", each) for number, each in enumerate(items or (outcome,)))
    return step_result(name, outcome, reason, None, made, receipt)


ISOLATED = step_result("isolate", DONE, receipt={"group": "sg-q", "swapped": ["eni-1"], "verified": ["eni-1"]})
AUTO = PublicAddress("203.0.113.1", "10.0.0.1", None, None)
ELASTIC = PublicAddress("203.0.113.2", "10.0.0.1", "eipalloc-1", "eipassoc-1")
WITH_ROLE = host(profile="arn:aws:iam::444455556666:instance-profile/app")
IN_GROUP = host(tags={SCALING_GROUP_TAG: "web"})
NOWHERE = step_result("targets", SKIPPED, "the host is in no target group")
NOT_LOOKED = step_result("scaling", SKIPPED, SWITCHED_OFF)
PROTECTED = step_result("protect", DONE, items=(ItemOutcome("disableApiTermination", DONE),))
SPOT = step_result("protect", DONE, items=(ItemOutcome("disableApiTermination", SKIPPED), ItemOutcome("volumes", DONE)))
NO_SUCH_USER = step_result("users", SKIPPED, items=(ItemOutcome("user example", SKIPPED, ABSENT),))
STORE = step_result("snapshot", DONE, items=(ItemOutcome("instance store", SKIPPED, "on no snapshot"),))


def at(address: PublicAddress) -> Host:
    return host(interfaces=(interface(public=(address,)),))


def at_home(address: str) -> Host:
    return host(interfaces=(interface(addresses=("10.0.0.1", address)),))


RISKS: Mapping[str, tuple[Host, Sequence[StepResult], Sequence[str], set[str]]] = {
    "a plain host": (host(), (), (), ALWAYS),
    "connections cut": (host(), (did("network_acl"),), (), CUT),
    "cut, and IPv6 of its own": (at_home("fd00::1"), (did("network_acl"),), (), CUT),
    "cut, and IPv6 of the internet": (at_home("2001:db8::1"), (did("network_acl"),), (), CUT | ALWAYS),
    "cut, and a delegated prefix": (
        host(interfaces=(interface(prefixes=True),)),
        (did("network_acl"),),
        (),
        CUT | ALWAYS,
    ),
    "cut, and in another VPC too": (
        host(interfaces=(interface(vpc="vpc-2"),)),
        (did("network_acl"),),
        (),
        CUT | ALWAYS,
    ),
    "connections cut in part": (host(), (did("network_acl", DONE, "", DONE, SKIPPED),), (), ALWAYS),
    "nothing to cut": (host(), (step_result("network_acl", SKIPPED),), (), ALWAYS),
    "tracking shortened": (host(), (did("idle_timeout"),), (), ALWAYS),
    "an address that EC2 assigned": (
        at(AUTO),
        (did("public_address", disassociated=[]),),
        (),
        ALWAYS | {"public-address"},
    ),
    "a profile without a role": (
        WITH_ROLE,
        (step_result("role_denial", SKIPPED, receipt={"roleless": True}),),
        (),
        ALWAYS,
    ),
    "an Elastic IP that is kept": (at(ELASTIC), (), (), ALWAYS | {"public-address"}),
    "an Elastic IP taken off": (at(ELASTIC), (did("public_address", disassociated=["203.0.113.2"]),), (), ALWAYS),
    "an Elastic IP whose place another took": (
        at(ELASTIC),
        (did("public_address", FAILED, disassociated=["203.0.113.2"]),),
        (),
        ALWAYS | {"public-address"},
    ),
    "a managed interface": (
        host(interfaces=(interface(), interface("eni-2", managed_by="amazon-elb"))),
        (),
        (),
        ALWAYS | {"managed-interfaces"},
    ),
    "an interface left out": (host(interfaces=(interface(), interface("eni-2"))), (), (), ALWAYS | {"interfaces"}),
    "not isolated": (host(), (did("isolate", FAILED),), (), ALWAYS | {"network"}),
    "not isolated, and managed": (
        host(interfaces=(interface(managed_by="amazon-elb"),)),
        (did("isolate", FAILED),),
        (),
        ALWAYS | {"network", "managed-interfaces"},
    ),
    "a trunk": (host(interfaces=(interface(kind="trunk"),)), (), (), ALWAYS | {"branch-interfaces"}),
    "a role": (WITH_ROLE, (), (), ALWAYS | {"role-credentials", "chained-sessions"}),
    "a role that is denied": (WITH_ROLE, (did("role_denial"),), (), ALWAYS | {"chained-sessions"}),
    "a role that is denied inline": (
        WITH_ROLE,
        (did("role_denial", SKIPPED), did("sessions", purposes=["denied"])),
        (),
        ALWAYS | {"chained-sessions"},
    ),
    "a role whose denial failed": (
        WITH_ROLE,
        (did("role_denial", FAILED, "", DONE, FAILED),),
        (),
        ALWAYS | {"role-credentials", "chained-sessions"},
    ),
    "sessions revoked, profile swapped": (
        WITH_ROLE,
        (did("sessions", purposes=["revoked"]), did("instance_profile")),
        (),
        ALWAYS | {"role-credentials", "chained-sessions"},
    ),
    "a node by EKS's tag": (host(tags={"eks:cluster-name": "prod"}), (), (), ALWAYS | {"pod-identities"}),
    "a node of a cluster": (host(tags={"kubernetes.io/cluster/prod": "owned"}), (), (), ALWAYS | {"pod-identities"}),
    "a node of Karpenter": (host(tags={"karpenter.sh/nodepool": "a"}), (), (), ALWAYS | {"pod-identities"}),
    "a user who is named": (host(), (), ("example",), ALWAYS | {"user-credentials"}),
    "a user who is restricted": (host(), (did("users"),), ("example",), ALWAYS),
    "a user whose key stays": (host(), (did("users", FAILED, "", DONE, FAILED),), (), ALWAYS | {"user-credentials"}),
    "a user named by a tag alone": (host(), (did("users", SKIPPED),), (), ALWAYS | {"user-credentials"}),
    "a user whom policy names and the account lacks": (host(), (NO_SUCH_USER,), (), ALWAYS),
    "another whom a finding names": (host(), (NO_SUCH_USER,), ("example",), ALWAYS | {"user-credentials"}),
    "in a scaling group": (IN_GROUP, (), (), ALWAYS | {"scaling-group"}),
    "out of its scaling group": (IN_GROUP, (did("scaling", left="standby"),), (), ALWAYS),
    "out, and replaced all the same": (IN_GROUP, (did("scaling", DONE, "", DONE, SKIPPED),), (), ALWAYS),
    "left in its scaling group": (
        IN_GROUP,
        (NOT_LOOKED,),
        (),
        ALWAYS | {"scaling-group", "load-balancer"},
    ),
    "not let out of its scaling group": (IN_GROUP, (did("scaling", FAILED),), (), ALWAYS | {"scaling-group"}),
    "still registered": (host(), (did("targets", FAILED),), (), ALWAYS | {"load-balancer"}),
    "deregistered": (host(), (did("targets"),), (), ALWAYS),
    "registered nowhere": (host(), (NOWHERE,), (), ALWAYS),
    "deregistered in part": (host(), (did("targets", DONE, "", DONE, SKIPPED),), (), ALWAYS | {"load-balancer"}),
    "nobody looked where it is registered": (host(), (NOT_LOOKED,), (), ALWAYS | {"load-balancer"}),
    "instance store": (host(), (STORE,), (), ALWAYS | {"instance-store"}),
    "a Spot host": (host(), (SPOT,), (), ALWAYS | {"termination"}),
    "protection switched off": (host(), (step_result("protect", SKIPPED, SWITCHED_OFF),), (), ALWAYS | {"termination"}),
}


@pytest.mark.parametrize("case", RISKS)
def test_risk_is_what_is_known_less_what_was_done(case: str) -> None:
    who, results, users, expected = RISKS[case]
    told = {each.name for each in results} | ({"targets"} if NOT_LOOKED in results else set())
    usual = [each for each in (ISOLATED, NOWHERE, PROTECTED) if each.name not in told]
    found = judge((*usual, *results), (), who, users).residual_risk
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_every_word_comes_up_and_is_explained() -> None:
    assert set(RISKS_MET) == {risk.word for risk in registry.risks()}


RISKS_MET = {word for _, _, _, words in RISKS.values() for word in words}


@pytest.mark.parametrize(
    ("kind", "who", "results", "state"),
    [
        (EXFILTRATION, host(), (), State.PARTIAL),
        (EXFILTRATION, host(), (did("network_acl"),), State.PARTIAL),
        (LEAKED, WITH_ROLE, (), State.PARTIAL),
        (LEAKED, WITH_ROLE, (did("role_denial"),), State.CONTAINED),
        (LEAKED, host(), (), State.PARTIAL),  # a host without profile now, whose credentials are out all the same
        (REBIND, WITH_ROLE, (), State.PARTIAL),
        (REBIND, WITH_ROLE, (did("role_denial"),), State.CONTAINED),
        ("Backdoor:EC2/C&CActivity.B!DNS", WITH_ROLE, (), State.CONTAINED),
    ],
)
def test_a_finding_whose_own_channel_is_left_is_partial(
    kind: str, who: Host, results: Sequence[StepResult], state: State
) -> None:
    verdict = judge((ISOLATED, *results), (kind,), who)
    assert verdict.state is state
    assert (own_channel((kind,), verdict.residual_risk) is not None) == (state is State.PARTIAL)
    assert ("own channel" in verdict.reason) == (state is State.PARTIAL)


def test_a_host_that_is_not_isolated_has_its_other_risks_told() -> None:
    who = host(profile=WITH_ROLE.profile, tags={SCALING_GROUP_TAG: "web"})
    verdict = judge((did("isolate", FAILED),), (), who)
    assert verdict.residual_risk == (
        "network",
        "tracked-connections",
        "dns",
        "instance-metadata",
        "termination",
        "role-credentials",
        "chained-sessions",
        "scaling-group",
        "load-balancer",
    )
