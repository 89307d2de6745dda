# SPDX-License-Identifier: Apache-2.0
"""What ships: ``functions`` and jmespath, in a folder that is the same, byte for byte, for the same sources.

The folder is made beforehand, not by bundling within CDK: that needs no Docker, no image and no download, and tests
import from the same folder. boto3 comes with the runtime. jmespath does too, as boto3's; ours is the version with which
policy was checked.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import os
import shutil
import zipfile
from pathlib import Path

PACKAGES = ("functions", "jmespath")
LARGEST_BYTES = 1_000_000

_SHIPPED = {".py", ".json"}
_LICENCE = "LICENSE"
_FILE, _FOLDER = 0o644, 0o755
_EPOCH_SECONDS = 315_532_800
"""1 January 1980, the oldest time that a zip file can store."""


def build_bundle(to: Path) -> Path:
    """Make the folder anew and return it: sources and data, no caches, fixed times and modes."""
    if to.exists():
        shutil.rmtree(to)
    for package in PACKAGES:
        source = _folder_of(package)
        for path in sorted(source.rglob("*")):
            if path.suffix in _SHIPPED:
                _copy(path, to / package / path.relative_to(source))
    _copy(_licence_of("jmespath"), to / "jmespath" / _LICENCE)
    for folder in (*to.rglob("*"), to):
        if folder.is_dir():
            folder.chmod(_FOLDER)
            os.utime(folder, (_EPOCH_SECONDS, _EPOCH_SECONDS))
    return to


def zipped(folder: Path) -> bytes:
    """Return a folder as a zip file, for an upload by other means; the same folder gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix())
                entry.external_attr = _FILE << 16
                entry.create_system = 3  # Unix, on whatever system it is made
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(source.read_bytes())
    to.chmod(_FILE)
    os.utime(to, (_EPOCH_SECONDS, _EPOCH_SECONDS))


def _folder_of(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"the package {package} is not installed: run make setup-deploy")
    return Path(found.submodule_search_locations[0])


def _licence_of(package: str) -> Path:
    files = importlib.metadata.files(package) or []
    (licence,) = [file for file in files if file.name.startswith(_LICENCE)]
    return Path(str(licence.locate()))
