# SPDX-License-Identifier: Apache-2.0
"""The page of the steps is what the records, the texts and the figures say, and nothing is missing in it."""

from __future__ import annotations

import pytest

from functions.steps.registry import STEPS, risks
from functions.steps.step import Step
from hub.reference import calls
from hub.reference.rows import PLAIN_STEPS, ROWS
from hub.reference.steps import PLAIN, render, step_options
from hub.reference.texts import OPTION_TEXTS, STEP_TEXTS
from tests.docs.pages import ROOT

KNOWN = {step.name for step in STEPS}
MEASURED = [row for row in ROWS if row.step in KNOWN]


def test_the_page_is_up_to_date() -> None:
    told = (ROOT / "docs/reference/steps.md").read_text(encoding="utf-8")
    assert told == render(calls.read()), "run: make reference"


def test_every_step_and_option_has_a_text() -> None:
    assert KNOWN - set(STEP_TEXTS) == set()
    assert {(step, option) for step, options in step_options().items() for option in options} == set(OPTION_TEXTS)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_text_agrees_with_its_record(step: Step) -> None:
    text = STEP_TEXTS[step.name]
    assert bool(text.asks) == (step.approval_check is not None)
    if step.within:
        assert text.on is not None, "it says which options switch it on"
        assert step.options({step.within: text.on}) is not None
        assert text.off is None or step.options({step.within: text.off}) is None
        assert {*text.on, *(text.off or {})} <= set(step_options()[step.within])
    else:
        assert step.name in step_options()


def test_every_word_of_residual_risk_is_left_by_something() -> None:
    told = {word for text in STEP_TEXTS.values() for word in (*text.leaves, *text.takes_away)}
    assert told == {risk.word for risk in risks()}


def test_there_is_a_figure_for_every_step_and_option() -> None:
    assert set(calls.read()) == {PLAIN, *PLAIN_STEPS, *(row.name for row in MEASURED)}
    by_themselves = {step.name for step in STEPS if not (step.within and step.on({}))}  # others are in their step's row
    assert by_themselves - set(PLAIN_STEPS) - {row.step for row in MEASURED} == set()


def test_what_was_measured_is_still_so() -> None:
    figures = calls.plain(latency_ms=0).to_json()
    assert figures | {"round_trips": None} == calls.read()[PLAIN] | {"round_trips": None}
