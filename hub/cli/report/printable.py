# SPDX-License-Identifier: Apache-2.0
"""Text from findings, files and the cloud, made safe for a terminal.

Nothing that a terminal acts on is printed: control characters (C0, C1), bidirectional overrides, invisible
separators. They are spelled out instead, so that a person sees that they were there.
"""

from __future__ import annotations


def printable(text: object, *, keep: str = "") -> str:
    """Return the text with everything unprintable spelled as an escape; ``keep`` are characters left as they are."""
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode("ascii")
        for char in str(text)
    )
