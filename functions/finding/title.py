# SPDX-License-Identifier: Apache-2.0
"""A finding's title, as it is stored. Code that prints it has to escape it: the record keeps the original text."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 512


def title_of(value: object) -> str:
    """Return the title, at most 512 characters; empty if it is no string. A lone surrogate becomes ``?``."""
    # No store takes a lone surrogate, though JSON may spell one.
    return value[:LONGEST].encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""
