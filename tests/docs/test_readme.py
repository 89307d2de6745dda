# SPDX-License-Identifier: Apache-2.0
"""The first page stays short, and has what a first reader looks for."""

from __future__ import annotations

import re

from tests.docs.pages import fenced, text

README = "README.md"


def test_it_has_200_lines_at_most() -> None:
    assert len(text(README).splitlines()) <= 200


def test_it_says_what_cordon_is_in_three_sentences_and_a_picture() -> None:
    title, first, picture, *_ = text(README).split("\n\n")
    assert title == "# Cordon"
    assert len(re.findall(r"\.(?=\s|$)", first)) == 3
    assert picture.startswith("```\nGuardDuty in every member account\n")


def test_the_two_commands_come_first() -> None:
    lines = [block.strip() for block in fenced(README)]
    assert [line for line in lines if line in {"make demo", "make test"}] == ["make demo", "make test"]


def test_the_chapters_are_the_short_ones() -> None:
    headings = re.findall(r"^## (.+)$", text(README), re.MULTILINE)
    assert headings == ["Try it", "Tenets", "Roll-out", "Policy", "Operations", "More", "Licence"]
