# SPDX-License-Identifier: Apache-2.0
"""The evaluator itself: each kind of policy decides, and what it doesn't know it doesn't take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hub.authorization.requests import AuthorizationRequest
from tests.authorization.simulator import Case, Policies, Principal, SimulatorError, simulate

INSTANCE = "arn:aws:ec2:eu-west-1:444455556666:instance/i-1"
ROLE = "arn:aws:iam::444455556666:role/cordon/cordon-contain"


def statement(effect: str = "Allow", action: str = "ec2:StopInstances", **further: Any) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": effect, "Action": action, "Resource": "*", **further}],
    }


ANYTHING = statement(action="*")
OTHER = statement(action="ec2:StartInstances")
STOP = Case(
    AuthorizationRequest("ec2:StopInstances", INSTANCE, {"aws:ResourceTag/status": "isolated"}),
    Principal("arn:aws:sts::444455556666:assumed-role/cordon-contain/inc-1"),
    Policies(identity=(statement(),)),
)
ASSUME = Case(
    AuthorizationRequest("sts:AssumeRole", ROLE, {"sts:ExternalId": "cordon-444455556666"}),
    Principal("arn:aws:sts::111122223333:assumed-role/cordon-hub-intake/cordon-intake"),
    Policies(identity=(statement(action="sts:AssumeRole"),)),
    owner="444455556666",
)


def trust(principal: str = "arn:aws:iam::111122223333:root", external_id: str = "cordon-444455556666") -> Any:
    document = statement(
        action="sts:AssumeRole",
        Principal={"AWS": principal},
        Condition={"StringEquals": {"sts:ExternalId": external_id}},
    )
    del document["Statement"][0]["Resource"]
    return document


CASES: dict[str, tuple[Case, Policies, bool]] = {
    "no policy": (STOP, Policies(), False),
    "identity": (STOP, STOP.policies, True),
    "another action": (STOP, Policies(identity=(OTHER,)), False),
    "a condition that holds": (
        STOP,
        Policies(identity=(statement(Condition={"StringEquals": {"aws:ResourceTag/status": "isolated"}}),)),
        True,
    ),
    "a condition that does not": (
        STOP,
        Policies(identity=(statement(Condition={"StringEquals": {"aws:ResourceTag/status": "live"}}),)),
        False,
    ),
    "within the boundary": (STOP, replace(STOP.policies, boundary=ANYTHING), True),
    "outside the boundary": (STOP, replace(STOP.policies, boundary=OTHER), False),
    "within the session policy": (STOP, replace(STOP.policies, session=ANYTHING), True),
    "outside the session policy": (STOP, replace(STOP.policies, session=OTHER), False),
    "under a guard that allows": (STOP, replace(STOP.policies, guards=((ANYTHING,),)), True),
    "under a guard that denies": (STOP, replace(STOP.policies, guards=((ANYTHING, statement("Deny")),)), False),
    "trusted": (ASSUME, replace(ASSUME.policies, resource=trust()), True),
    "another account is trusted": (ASSUME, replace(ASSUME.policies, resource=trust("999900001111")), False),
    "a wrong ExternalId": (ASSUME, replace(ASSUME.policies, resource=trust(external_id="x")), False),
    "trusted, without the right to assume": (ASSUME, Policies(resource=trust()), False),
}


def test_every_kind_of_policy_decides() -> None:
    cases = [replace(case, policies=policies) for case, policies, _ in CASES.values()]
    assert dict(zip(CASES, simulate(cases), strict=True)) == {name: each[2] for name, each in CASES.items()}


@pytest.mark.parametrize(
    "case",
    [
        replace(STOP, request=replace(STOP.request, action="ec2:StopTheWorld")),
        replace(STOP, request=replace(STOP.request, resource="arn:aws:ec2:eu-west-1:444455556666:volume/vol-1")),
        replace(STOP, request=replace(STOP.request, context={"ec2:CreateAction": "RunInstances"})),
        replace(STOP, policies=Policies(identity=({"Statement": [{"Effect": "Perhaps"}]},))),
    ],
    ids=["action", "resource", "key", "effect"],
)
def test_what_does_not_exist_is_an_error(case: Case) -> None:
    with pytest.raises(SimulatorError):
        simulate([case])
