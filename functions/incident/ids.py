# SPDX-License-Identifier: Apache-2.0
"""Ids of incidents: sortable by time, and fit for a session name and a SourceIdentity (letters, digits, dashes)."""

from __future__ import annotations

from datetime import datetime
from random import Random

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letters that look like digits
_TIME_CHARACTERS = 9
_RANDOM_CHARACTERS = 8


def new_incident(now: datetime, random: Random) -> str:
    """Return a new id, ``inc-`` + milliseconds since 1970 + random letters."""
    milliseconds = int(now.timestamp() * 1000)
    digits = []
    for _ in range(_TIME_CHARACTERS):
        milliseconds, rest = divmod(milliseconds, len(_ALPHABET))
        digits.append(_ALPHABET[rest])
    return f"inc-{''.join(reversed(digits))}-{''.join(random.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))}"
