# SPDX-License-Identifier: Apache-2.0
"""The release function: a request in, an answer out, whatever is asked."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from functions import log
from functions.aws import errors
from functions.release import handler as module
from functions.release.handler import answer
from functions.settings import SettingsError
from tests.conftest import Simulated
from tests.finding.findings import asff

SOMEBODY = {"incident": "inc-1kjq1eaw0-yerjn531", "by": "ada@example.com"}


def test_a_release_is_answered_with_what_became_of_it(simulated: Simulated) -> None:
    stage = simulated()
    stage.deliver(asff())
    incident = stage.incident.id
    with stage.simulation.delivering(99):
        told = answer(stage.hub(), {"incident": incident, "by": "ada@example.com"})
    assert json.loads(json.dumps(told)) == told
    assert {key: told[key] for key in ("incident", "error", "state")} == {
        "incident": incident,
        "error": None,
        "state": "released",
    }
    assert told["reason"].startswith("released by ada@example.com: ")
    assert all(item["restored"] for item in told["items"])
    assert set(told["items"][0]) == {"step", "what", "restored", "reason", "retry", "command"}
    assert "isolate" in {item["step"] for item in told["items"]}


def test_what_could_not_be_put_back_is_named(simulated: Simulated) -> None:
    stage = simulated()
    stage.deliver(asff())
    eni = stage.host()["enis"][0]["id"]
    stage.meet("ec2:ModifyNetworkInterfaceAttribute=UnauthorizedOperation")
    with stage.simulation.delivering(99):
        told = answer(stage.hub(), {"incident": stage.incident.id, "by": "ada"})
    assert (told["state"], told["error"]) == ("releasing", None)
    left = [item for item in told["items"] if not item["restored"]]
    assert [(item["step"], item["retry"]) for item in left] == [("isolate", True)]
    assert eni in left[0]["what"]


def test_a_second_release_is_refused_in_words(simulated: Simulated) -> None:
    stage = simulated()
    stage.deliver(asff())
    request = {"incident": stage.incident.id, "by": "ada"}
    with stage.simulation.delivering(99):
        answer(stage.hub(), request)
        told = answer(stage.hub(), request)
    assert told == {
        "incident": request["incident"],
        "error": f"{request['incident']} is released: there is nothing to release",
        "state": None,
        "reason": f"{request['incident']} is released: there is nothing to release",
        "items": [],
    }


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (None, "the request should be an object with incident and by"),
        ([], "the request should be an object with incident and by"),
        ({}, "incident is None, which is not the id of an incident (inc-...)"),
        ({**SOMEBODY, "incident": 7}, "incident is 7, which is not the id of an incident (inc-...)"),
        (
            {**SOMEBODY, "incident": "inc-1kjq1eaw0-yerjn531\n"},
            "incident is 'inc-1kjq1eaw0-yerjn531\\n', which is not the id of an incident (inc-...)",
        ),
        ({"incident": SOMEBODY["incident"]}, "by should say who asks, in 1 to 128 printable ASCII characters"),
        ({**SOMEBODY, "by": " "}, "by should say who asks, in 1 to 128 printable ASCII characters"),
        ({**SOMEBODY, "by": "a\x1b[31m"}, "by should say who asks, in 1 to 128 printable ASCII characters"),
        ({**SOMEBODY, "by": "a" * 129}, "by should say who asks, in 1 to 128 printable ASCII characters"),
        ({**SOMEBODY, "force": True}, "the request has 'force', which is not known: incident and by are"),
    ],
)
def test_what_is_asked_wrongly_is_told(simulated: Simulated, event: Any, error: str) -> None:
    told = answer(simulated(warm=False).hub(), event)
    assert told == {"incident": None, "error": error, "state": None, "reason": error, "items": []}


def test_an_unknown_incident_is_told(simulated: Simulated) -> None:
    told = answer(simulated(warm=False).hub(), SOMEBODY)
    assert told["error"] == f"there is no incident {SOMEBODY['incident']}"


def test_a_failure_of_the_hubs_own_is_a_failure(simulated: Simulated) -> None:
    stage = simulated(warm=False)
    stage.meet("dynamodb:Query=AccessDeniedException")
    with pytest.raises(errors.AwsError), stage.simulation.delivering(99):
        answer(stage.hub(), SOMEBODY)


def test_the_environment_is_read_at_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_kept", [])
    monkeypatch.setattr(log, "configure", lambda: None)
    for name in [each for each in os.environ if each.startswith("CORDON_")]:
        monkeypatch.delenv(name)
    with pytest.raises(SettingsError):
        module.handler(SOMEBODY, None)
