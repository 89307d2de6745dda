# SPDX-License-Identifier: Apache-2.0
"""``python -m hub.stacks.figures``: how large the templates and the bundle are, and how long a synthesis takes.

It is for the documents' figures, so that a reader can measure them again. It uses the settings that ``CORDON_CONFIG``
names.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


def measure(config: Path, directory: Path) -> Iterator[tuple[str, str]]:
    """Yield what was measured and its figure; writes into a directory that may be thrown away."""
    began = time.perf_counter()
    # What CDK takes to start is part of the figure.
    from hub.deployment.read import read_settings
    from hub.stacks.app import build, member_body, new_app
    from hub.stacks.bundle import build_bundle, zipped

    imported = time.perf_counter()
    settings, code = read_settings(config), build_bundle(directory / "code")
    app = new_app(directory / "out")
    stacks = build(app, settings, code)
    app.synth()
    ended = time.perf_counter()
    yield "import", f"{imported - began:.1f} s"
    yield "synthesis", f"{ended - imported:.1f} s"
    yield "bundle", f"{len(zipped(code))} bytes zipped"
    yield "member template", f"{len(member_body(settings).encode())} bytes"
    for stack in stacks.each():
        size = (directory / "out" / stack.template_file).stat().st_size
        yield f"template of {stack.stack_name}", f"{size} bytes"


def main() -> int:
    """Print the figures, one a line."""
    with tempfile.TemporaryDirectory() as directory:
        for what, figure in measure(Path(os.environ.get("CORDON_CONFIG", "config")), Path(directory)):
            sys.stdout.write(f"{what}: {figure}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
