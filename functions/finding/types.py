# SPDX-License-Identifier: Apache-2.0
"""GuardDuty's finding types, and the spellings of each in the AWS Security Finding Format.

``types.json`` has a row for each type: name, resource, default severity (null where GuardDuty varies it) and
ASFF spellings, the usual one first. Sources: the GuardDuty User Guide's table of active finding types, the
Security Hub User Guide's table of GuardDuty types, and received findings where those tables have gaps.
A type in no table is read by rule, so that a new type is not lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from functions.finding.model import Label

# Purpose:Resource/Name. In ASFF the slash is a dash, mostly; the purpose follows a slash or begins the text.
_NATIVE: Final = re.compile(
    r"(?:.{0,200}/)?([A-Z][A-Za-z]{1,39}:[A-Z][A-Za-z0-9]{1,39})[-/]([A-Za-z0-9][\w.&!-]{0,119})", re.ASCII
)
_CREDENTIAL_EXFILTRATION: Final = "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration"


@dataclass(frozen=True, slots=True)
class NativeType:
    """One row of the table. ``severity`` is None where GuardDuty varies it; ``spellings`` are those of ASFF."""

    name: str
    resource: str
    severity: Label | None
    spellings: tuple[str, ...]


@cache
def known() -> Mapping[str, NativeType]:
    """Return the table, by name."""
    rows = json.loads(Path(__file__).with_name("types.json").read_text(encoding="utf-8"))
    return {
        name: NativeType(name, resource, Label(severity) if severity else None, tuple(spellings))
        for name, resource, severity, spellings in rows
    }


@cache
def _by_spelling() -> Mapping[str, str]:
    table = {spelling: row.name for row in known().values() for spelling in row.spellings}
    # What the rule below makes of an irregular spelling, so that another namespace in front does no harm.
    for spelling, name in list(table.items()):
        ruled = _by_rule(spelling)
        if ruled and ruled not in known():
            table.setdefault(ruled, name)
    return table


def _by_rule(spelling: str) -> str | None:
    found = _NATIVE.fullmatch(spelling)
    return f"{found[1]}/{found[2]}" if found else None


def native(spelling: str) -> str | None:
    """Return the native name of a type in any spelling; None if it can't be understood."""
    if spelling in known():
        return spelling
    table = _by_spelling()
    if spelling in table:
        return table[spelling]
    ruled = _by_rule(spelling)
    return table.get(ruled, ruled) if ruled else None


def natives(spellings: Iterable[str]) -> tuple[str, ...]:
    """Return the native names that can be understood, each once, in order."""
    return tuple(dict.fromkeys(name for spelling in spellings if (name := native(spelling))))


def asff(name: str) -> str:
    """Return how the classic hub spells a native type: by the table, else by rule."""
    row = known().get(name)
    return row.spellings[0] if row and row.spellings else "TTPs/" + name.replace("/", "-", 1)


def default_severity(name: str) -> Label:
    """Return the severity that GuardDuty gives to the type, medium where it varies or isn't known."""
    row = known().get(name)
    return row.severity if row and row.severity else Label.MEDIUM


def is_attack_sequence(names: Iterable[str]) -> bool:
    """Tell whether it is a correlation of several signals, naming more than what is compromised."""
    return any(name.startswith("AttackSequence:") for name in names)


def is_credential_exfiltration(names: Iterable[str]) -> bool:
    """Tell whether an instance's credentials were used elsewhere: the instance is in the principal id."""
    return any(name.startswith(_CREDENTIAL_EXFILTRATION) for name in names)
