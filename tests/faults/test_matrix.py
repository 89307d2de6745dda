# SPDX-License-Identifier: Apache-2.0
"""Every fault at every AWS call of every step and option. A part runs with every test; ``make faults`` runs it all."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from functions.incident.model import State
from functions.steps.network.group_rules import EVERYWHERE
from hub.simulation.run import deployed
from tests.faults.matrix import CONTAINMENT, GOLDEN, RELEASE, Case, Cell, calls, cases, counted, held, judged, keep
from tests.faults.scenarios import SCENARIOS, contained, request

_WITH_EVERY_TEST = {
    # one call that changes something, of each step
    "autoscaling:EnterStandby": "time-out after",
    "elbv2:DeregisterTargets": "denied",
    "iam:AttachRolePolicy": "crash after",
    "iam:UpdateAccessKey": "denied",
    "ec2:CreateNetworkAclEntry": "crash after",
    "ec2:DisassociateAddress": "time-out after",
}
_WITH_EVERY_TEST_OF_A_RELEASE = {
    "dynamodb:TransactWriteItems": "crash after",
    "sts:AssumeRole": "denied once",
    "autoscaling:ExitStandby": "time-out after",
    "ec2:DeleteNetworkAclEntry": "crash after",
    "ec2:ModifyNetworkInterfaceAttribute": "crash after",
    "iam:DetachRolePolicy": "denied once",
}


def _with_every_test(case: Case) -> bool:
    chosen = _WITH_EVERY_TEST if case.half == CONTAINMENT else _WITH_EVERY_TEST_OF_A_RELEASE
    first = next(name for name, made in calls(case.half).items() if case.operation in made)
    return (case.scenario, case.number, case.fault) == (first, 0, chosen.get(case.operation))


def _cases() -> list[Any]:
    return [
        pytest.param(case, id=case.name, marks=() if _with_every_test(case) else (pytest.mark.faults,))
        for case in cases()
    ]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_list_names_every_call(scenario: str) -> None:
    with deployed(request(SCENARIOS[scenario])) as deployment:
        incident = held(deployment)
        made = len(deployment.simulation.calls)
        assert deployment.release(incident).state is State.RELEASED
        every = deployment.simulation.calls
    found = {CONTAINMENT: counted(every[:made]), RELEASE: counted(every[made:])}
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        listed = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
        for half, each in found.items():
            listed.setdefault(half, {})[scenario] = each
        ordered = {half: {name: each[name] for name in SCENARIOS if name in each} for half, each in listed.items()}
        GOLDEN.write_text(json.dumps(ordered, indent=1) + "\n")
    assert {half: calls(half)[scenario] for half in found} == found


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_option_opens_the_host(scenario: str) -> None:
    """A containment puts a quarantine group on and nothing else, and no rule that it adds is for every address."""
    ended = contained(SCENARIOS[scenario])
    quarantine = {
        each["id"] for each in ended.world["security_groups"] if each["name"].startswith("cordon-quarantine-")
    }
    swaps = [call["parameters"]["Groups"] for call in ended.calls if "Groups" in call["parameters"]]
    assert swaps
    assert {group for groups in swaps for group in groups} <= quarantine
    added = [call["parameters"] for call in ended.calls if call["operation"].startswith("AuthorizeSecurityGroup")]
    assert added
    assert not any(everywhere in str(rules) for rules in added for everywhere in EVERYWHERE)


@pytest.mark.parametrize("case", _cases())
def test_a_fault_is_mended_or_named(case: Case) -> None:
    keep(Cell(case, judged(case)))
