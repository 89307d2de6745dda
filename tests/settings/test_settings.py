# SPDX-License-Identifier: Apache-2.0
"""The environment is read whole: a sentence for each variable that is missing or wrong, all at once."""

from __future__ import annotations

import logging

import pytest

from functions.intake import handler as module
from functions.settings import Settings, SettingsError
from hub.simulation.names import Names
from hub.simulation.world_spec import OrganizationSpec

GOOD = Names(OrganizationSpec()).environ()
NEEDED = sorted(set(GOOD) - {"CORDON_FORENSICS_ACCOUNT"})


def problems(**changes: str | None) -> list[str]:
    environ = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    assert str(caught.value) == "; ".join(caught.value.problems)
    return caught.value.problems


def test_what_is_given_is_read() -> None:
    settings = Settings.from_env({**GOOD, "CORDON_LEASE_SECONDS": "120", "CORDON_CEILING_PER_HOUR": " 7 "})
    assert settings.organization == "o-exampleorgid"
    assert (settings.hub_account, settings.forensics_account) == ("111111111111", "222222222222")
    assert (settings.lease_seconds, settings.ceiling_per_hour) == (120, 7)
    assert settings.role_arn("aws-cn", "444455556666", "contain") == (
        "arn:aws-cn:iam::444455556666:role/cordon/cordon-contain"
    )
    assert settings.external_id("444455556666") == "cordon-444455556666"


def test_what_may_be_left_out() -> None:
    settings = Settings.from_env({name: GOOD[name] for name in NEEDED})
    assert settings.forensics_account is None
    assert settings.lease_seconds > 60  # longer than the function may run
    assert settings.ceiling_per_hour == 50


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_variable_is_named(name: str, value: str | None) -> None:
    assert problems(**{name: value}) == [f"{name} is not set"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CORDON_ORGANIZATION", "exampleorgid"),
        ("CORDON_ORGANIZATION", "o-short"),
        ("CORDON_HUB_ACCOUNT", "11111111111"),
        ("CORDON_HUB_ACCOUNT", "1111111111111"),
        ("CORDON_HUB_ACCOUNT", "\u0661" * 12),
        ("CORDON_FORENSICS_ACCOUNT", "2222"),
        ("AWS_REGION", "Ireland"),
        ("CORDON_QUALIFIER", "Cordon"),
        ("CORDON_QUALIFIER", "a" * 21),
        ("CORDON_QUALIFIER", "cor/don"),
        ("CORDON_LEASE_SECONDS", "0"),
        ("CORDON_LEASE_SECONDS", "-1"),
        ("CORDON_LEASE_SECONDS", "1.5"),
        ("CORDON_CEILING_PER_HOUR", "many"),
        ("CORDON_CEILING_PER_HOUR", ""),
    ],
)
def test_a_wrong_value_is_shown_with_what_it_should_be(name: str, value: str) -> None:
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"{name} is {value!r}, which is not a")


def test_all_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"CORDON_LEASE_SECONDS": "x", "CORDON_HUB_ACCOUNT": "1"})
    named = {problem.split(" ")[0] for problem in caught.value.problems}
    assert named == {*NEEDED, "CORDON_LEASE_SECONDS"}


def test_the_handler_logs_each_problem_before_it_gives_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in GOOD:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "_kept", [])
    monkeypatch.setattr(module.log, "configure", lambda: None)
    with caplog.at_level(logging.ERROR, "cordon"), pytest.raises(SettingsError):
        module.handler({"Records": []}, None)
    reasons = [record.__dict__["fields"]["reason"] for record in caplog.records]
    assert sorted(reasons) == [f"{name} is not set" for name in NEEDED]
