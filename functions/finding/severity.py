# SPDX-License-Identifier: Apache-2.0
"""GuardDuty's severity from the fields of each dialect. A number is more exact than a label, so it takes precedence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from functions.finding.model import Label, Severity
from functions.finding.types import default_severity

_HIGHEST: Final = 10
_HIGHEST_NORMALIZED: Final = 100
# Lower bounds on GuardDuty's scale of 0 to 10; on Security Hub's normalized scale they are ten times that.
_BOUNDS: Final = ((9, Label.CRITICAL), (7, Label.HIGH), (4, Label.MEDIUM))
# OCSF's severity_id; 6 is "fatal".
_BY_ID: Final = dict(enumerate(Label, start=1)) | {6: Label.CRITICAL}


def of_score(value: object) -> Severity | None:
    """Return the severity of a number from 0 to 10, a string of digits included; None for anything else."""
    score = _number(value, _HIGHEST)
    return None if score is None else Severity(_label(score), score)


def of_label(value: object) -> Severity | None:
    """Return the severity of a label in any case; None for anything else."""
    word = value.strip().lower() if isinstance(value, str) else ""
    return Severity(Label(word)) if word in set(Label) else None


def of_normalized(value: object) -> Severity | None:
    """Return the severity of Security Hub's 0 to 100, whose meaning has changed over the years: a last resort."""
    normalized = _number(value, _HIGHEST_NORMALIZED)
    return None if normalized is None else Severity(_label(normalized / 10))


def of_id(value: object) -> Severity | None:
    """Return the severity of OCSF's severity_id; None for unknown (0) and other (99)."""
    label = _BY_ID.get(value) if isinstance(value, int) and not isinstance(value, bool) else None
    return Severity(label) if label else None


def of_asff(provider: Mapping[str, Any], finding: Mapping[str, Any], native_type: str) -> Severity:
    """Return the severity of an ASFF finding from FindingProviderFields.Severity, else from its own Severity.

    Members can edit the finding's own severity, so that it counts only where the provider's says nothing.
    """
    for fields in (provider, finding):
        found = of_score(fields.get("Product")) or of_score(fields.get("Original")) or of_label(fields.get("Label"))
        if found:
            return found
    for fields in (provider, finding):
        if found := of_normalized(fields.get("Normalized")):
            return found
    return Severity(default_severity(native_type))


def of_ocsf(vendor: Mapping[str, Any], finding: Mapping[str, Any], native_type: str) -> Severity:
    """Return the severity of an OCSF finding from its vendor_attributes, else from its own fields."""
    for fields in (vendor, finding):
        if found := of_id(fields.get("severity_id")) or of_label(fields.get("severity")):
            return found
    return Severity(default_severity(native_type))


def of_native(value: object, native_type: str) -> Severity:
    """Return the severity of a native finding, by type where it has none."""
    return of_score(value) or of_label(value) or Severity(default_severity(native_type))


def _label(score: float) -> Label:
    if score == 0:
        return Label.INFORMATIONAL
    return next((label for bound, label in _BOUNDS if score >= bound), Label.LOW)


def _number(value: object, highest: int) -> float | None:
    """Return a number from 0 to the highest. Comparing first keeps huge integers and NaN out of float()."""
    if isinstance(value, str):
        short = value.strip()
        if not short.replace(".", "", 1).isdecimal() or len(short) > len("100.000000"):
            return None
        value = float(short)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= highest else None
