# SPDX-License-Identifier: Apache-2.0
"""The page of the steps: its generated parts are those of records and figures, and its prose leaves nothing out."""

from __future__ import annotations

import re

import pytest

from functions.steps.registry import STEPS, risks
from functions.steps.step import Step
from hub.reference import calls
from hub.reference.rows import PLAIN_STEPS, ROWS
from hub.reference.steps import PAGE, PLAIN, SWITCHES, MarkerError, filled, step_options
from tests.docs.pages import section, words

KNOWN = {step.name for step in STEPS}
MEASURED = [row for row in ROWS if row.step in KNOWN]
BULLETS = ("Asks people", "Baseline", "Verify", "Release", "Can't", "Leaves", "Takes away")
NEEDED = {"Baseline", "Verify", "Release", "Can't"}


def described(step: str) -> str:
    return section("docs/reference/steps.md", step)


def bullets(step: str) -> dict[str, str]:
    """Return the bullets of a step's section: name → text."""
    found = re.findall(r"^- \*\*(.+?)\.\*\* (.*?)(?=^- |\n\n)", described(step), re.MULTILINE | re.DOTALL)
    return {name: " ".join(said.split()) for name, said in found}


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == filled(page, calls.read()), "run: make reference"


@pytest.mark.parametrize("marker", ["<!-- scaling: begin -->\n", "<!-- calls: end -->\n"])
def test_a_page_without_a_marker_is_refused(marker: str) -> None:
    with pytest.raises(MarkerError, match="has 0 places for the part"):
        filled(PAGE.read_text(encoding="utf-8").replace(marker, ""), calls.read())


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_is_described(step: Step) -> None:
    """It has prose, every bullet that each step needs, no other than the known ones, and they are in order."""
    found = bullets(step.name)
    assert re.match(r"\n[A-Z]", described(step.name))
    assert set(found) >= NEEDED
    assert list(found) == [name for name in BULLETS if name in found]
    assert ("Asks people" in found) == (step.approval_check is not None)


@pytest.mark.parametrize("step", sorted(KNOWN | set(step_options())))
def test_every_option_is_described_in_order(step: str) -> None:
    found = tuple(re.findall(r"^\| `(\w+)` \|", described(step), re.MULTILINE))
    assert found == step_options().get(step, ())


@pytest.mark.parametrize("step", [step for step in STEPS if step.within], ids=lambda step: step.name)
def test_a_switch_agrees_with_its_record(step: Step) -> None:
    switch = SWITCHES[step.name]
    assert step.within is not None
    assert step.options({step.within: switch.on}) is not None
    assert switch.off is None or step.options({step.within: switch.off}) is None
    assert {*switch.on, *(switch.off or {})} <= set(step_options()[step.within])


def test_there_is_a_switch_for_every_option_that_is_a_step_and_for_no_other() -> None:
    assert set(SWITCHES) == {step.name for step in STEPS if step.within}
    assert {step.name for step in STEPS if not step.within} == set(step_options())


def test_every_word_of_residual_risk_is_left_or_taken_away_by_a_step() -> None:
    found = [bullets(step.name).get(name, "") for step in STEPS for name in ("Leaves", "Takes away")]
    assert set().union(*map(words, found)) == {risk.word for risk in risks()}


def test_there_is_a_figure_for_every_step_and_option() -> None:
    assert set(calls.read()) == {PLAIN, *PLAIN_STEPS, *(row.name for row in MEASURED)}
    by_themselves = {step.name for step in STEPS if not (step.within and step.on({}))}  # others are in their step's row
    assert by_themselves - set(PLAIN_STEPS) - {row.step for row in MEASURED} == set()


def test_what_was_measured_is_still_so() -> None:
    figures = calls.plain(latency_ms=0).to_json()
    assert figures | {"round_trips": None} == calls.read()[PLAIN] | {"round_trips": None}
