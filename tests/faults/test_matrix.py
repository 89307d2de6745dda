# SPDX-License-Identifier: Apache-2.0
"""Every fault at every AWS call of every step and option. A part runs with every test; ``make faults`` runs it all."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.faults.matrix import GOLDEN, Case, calls, cases, counted, judged, keep
from tests.faults.scenarios import SCENARIOS, contained

_WITH_EVERY_TEST = {
    # one call that changes something, of each step
    "autoscaling:EnterStandby": "time-out after",
    "elbv2:DeregisterTargets": "denied",
    "iam:AttachRolePolicy": "crash after",
    "iam:UpdateAccessKey": "denied",
    "ec2:CreateNetworkAclEntry": "crash after",
    "ec2:DisassociateAddress": "time-out after",
}


def _cases() -> list[Any]:
    return [
        pytest.param(
            case,
            id=case.name,
            marks=()
            if case.number == 0 and _WITH_EVERY_TEST.get(case.operation) == case.fault
            else (pytest.mark.faults,),
        )
        for case in cases()
    ]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_list_names_every_call(scenario: str) -> None:
    ended = contained(SCENARIOS[scenario])
    assert [incident.state.value for incident in ended.incidents] == ["contained"]
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(json.dumps({**calls(), scenario: counted(ended)}, indent=1, sort_keys=True) + "\n")
    assert calls()[scenario] == counted(ended)


@pytest.mark.parametrize("case", _cases())
def test_a_fault_is_mended_or_named(case: Case) -> None:
    keep(case, judged(case))
