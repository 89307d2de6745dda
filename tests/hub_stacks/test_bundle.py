# SPDX-License-Identifier: Apache-2.0
"""What ships: ``functions`` and jmespath alone, small, the same bytes every time, and it runs with boto3 beside it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from hub.stacks.bundle import LARGEST_BYTES, build_bundle, zipped

BESIDE = ("boto3", "botocore", "s3transfer", "dateutil", "urllib3", "six")
HANDLERS = ("functions.intake.handler", "functions.release.handler", "functions.organization.watch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bundle(tmp_path_factory.mktemp("bundle") / "code")


def test_it_is_the_same_twice_wherever_it_is_made(folder: Path, tmp_path: Path) -> None:
    previous = os.umask(0o077)
    try:
        other = build_bundle(tmp_path / "elsewhere")
    finally:
        os.umask(previous)
    assert zipped(other) == zipped(folder)
    kept = {path.relative_to(folder): path.stat() for path in folder.rglob("*")}
    again = {path.relative_to(other): path.stat() for path in other.rglob("*")}
    assert {name: (each.st_mode, each.st_mtime) for name, each in kept.items()} == {
        name: (each.st_mode, each.st_mtime) for name, each in again.items()
    }


def test_what_was_there_before_is_gone(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "left.py").write_text("x = 1\n", encoding="utf-8")
    assert not (build_bundle(tmp_path / "code") / "left.py").exists()


def test_it_is_small(folder: Path) -> None:
    assert len(zipped(folder)) < LARGEST_BYTES
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < LARGEST_BYTES


def test_it_holds_functions_and_jmespath_alone(folder: Path) -> None:
    names = zipfile.ZipFile(BytesIO(zipped(folder))).namelist()
    assert {name.partition("/")[0] for name in names} == {"functions", "jmespath"}
    assert {Path(name).suffix or Path(name).name for name in names} == {".py", ".json", "LICENSE"}
    assert "functions/finding/types.json" in names
    assert [name for name in names if name.endswith("LICENSE")] == ["jmespath/LICENSE"]


def test_its_handlers_can_be_imported_with_nothing_but_boto3_beside_it(folder: Path, tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    for package in BESIDE:
        found = importlib.util.find_spec(package)
        assert found is not None
        assert found.origin is not None
        origin = Path(found.origin)
        origin = origin.parent if found.submodule_search_locations else origin
        (runtime / origin.name).symlink_to(origin)
    program = (
        "import sys\n"
        f"sys.path[:0] = [{str(folder)!r}, {str(runtime)!r}]\n"
        f"import jmespath, {', '.join(HANDLERS)}\n"
        f"assert jmespath.__file__.startswith({str(folder)!r}), jmespath.__file__\n"
        f"assert all(callable(each.handler) for each in ({', '.join(HANDLERS)},))\n"
        "import importlib.util\n"
        "strangers = [name for name in ('yaml', 'pydantic', 'hub', 'click') if importlib.util.find_spec(name)]\n"
        "assert strangers == [], strangers\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
