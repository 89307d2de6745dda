# SPDX-License-Identifier: Apache-2.0
"""The baseline's sections: one for each step, and further ones for what was attached to the host later.

A section is written once. An interface or a volume that came after it gets a section of its own before it is changed,
named ``step#thing`` for the first that it covers. Whoever needs a step's baseline needs them all, merged here.
"""

from __future__ import annotations

from collections.abc import Mapping

from functions.merge import keep_first
from functions.steps.step import Section

SECTION_LIMIT_BYTES = 350_000
"""Of the 400 KB that an item holds, less its other attributes."""


def addition_name(step: str, first: str) -> str:
    """Return the name of a step's further section."""
    return f"{step}#{first}"


def section_of(baseline: Mapping[str, Section], step: str) -> Section | None:
    """Return all that the baseline has for a step as one section, or None; what was written first counts."""
    if step not in baseline:
        return None
    merged = baseline[step]
    for name in sorted(baseline):
        if name.startswith(addition_name(step, "")):
            merged = keep_first(merged, baseline[name])
    return merged
