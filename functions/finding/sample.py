# SPDX-License-Identifier: Apache-2.0
"""Recognises sample findings, which are planned and never enforced.

Only what AWS itself writes counts. This module never reads tags, names or domains: an attacker who may tag a host could
otherwise turn real findings into samples.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from functions.finding.model import Target
from functions.finding.shape import is_true

_INSTANCE: Final = "i-99999999"
_IDS: Final = frozenset({_INSTANCE, "ami-99999999"})
_PREFIX: Final = "GeneratedFinding"
# additionalInfo.value is JSON in a string; a search of it can't be made to recurse.
_EMBEDDED: Final = re.compile(r'"sample"\s{0,8}:\s{0,8}(?:true|"true")')
_EMBEDDED_CHARACTERS: Final = 10_000


def is_sample(
    *, flags: Iterable[object], embedded: Iterable[object], ids: Iterable[object], targets: Iterable[Target]
) -> bool:
    """Tell whether the finding is a sample.

    ``flags`` are fields that say so outright, ``embedded`` strings of JSON, ``ids`` identifiers that AWS assigns.
    """
    return (
        any(is_true(flag) for flag in flags)
        or any(isinstance(value, str) and _EMBEDDED.search(value[:_EMBEDDED_CHARACTERS]) for value in embedded)
        or any(isinstance(value, str) and (value in _IDS or value.startswith(_PREFIX)) for value in ids)
        or any(target.instance == _INSTANCE for target in targets)
    )
