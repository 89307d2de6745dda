# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.documents.record DIR`` writes the document of every case to DIR, one file for each.

Record before a change and after it, in two folders, and compare them with ``diff -r``.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from tests.documents.cases import cases, document_of


def record(folder: Path) -> int:
    """Write every document and return how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, case in cases():
        document = json.dumps(document_of(case), indent=1, default=str)
        # Paths of findings are those of this checkout: only their names are kept.
        text = document.replace(f"{case.finding.parent}/", "")
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        count += 1
    return count


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    written = record(Path(sys.argv[1]))
    sys.stdout.write(f"{written} documents in {sys.argv[1]}\n")
