# SPDX-License-Identifier: Apache-2.0
"""Names that a newcomer can trust: a public class name exists once, and each package draws the tree of its errors."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("functions", "hub", "member_stacks")
OF_EACH_STEP = {"Receipt", "Section"}
"""Every step has one of each, which only its own module uses."""


def modules(folder: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def classes(folder: str) -> Iterator[tuple[Path, ast.ClassDef]]:
    for path, module in modules(folder):
        yield from ((path, node) for node in module.body if isinstance(node, ast.ClassDef))


def test_a_public_class_name_exists_once() -> None:
    places = defaultdict(list)
    for package in PACKAGES:
        for path, node in classes(package):
            if not node.name.startswith("_") and node.name not in OF_EACH_STEP:
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def error_packages() -> list[str]:
    """Return the packages of the functions that define errors, rooms counted with their package."""
    found = {path.relative_to(ROOT).parts[1] for path, node in classes("functions") if node.name.endswith("Error")}
    return sorted(each for each in found if (ROOT / "functions" / each).is_dir())


@pytest.mark.parametrize("package", error_packages())
def test_a_package_draws_the_tree_of_its_errors(package: str) -> None:
    folder = f"functions/{package}"
    drawn = " ".join(ast.get_docstring(module) or "" for _, module in modules(folder)).split()
    missing = [
        node.name
        for _, node in classes(folder)
        if node.name.endswith("Error") and node.name[0] != "_" and node.name.strip("_") not in drawn
    ]
    assert missing == []
