# SPDX-License-Identifier: Apache-2.0
"""What config/README.md shows is what is read, and all of it."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from functions.finding.types import known
from hub.policy.checks import check_words
from hub.policy.reader import parse
from hub.policy.shape import AccountLayer, OuLayer, check

README = (Path(__file__).parents[2] / "config" / "README.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)[1]  # type: ignore[index]


@pytest.mark.parametrize(("without", "shape"), [("account", OuLayer), ("ou", AccountLayer)])
def test_the_example_is_sound(without: str, shape: type) -> None:
    document = parse(re.sub(rf"(?m)^{without}: .*\n", "", EXAMPLE), "README.md", "README.md")
    assert [str(error) for error in [*check(document, shape), *check_words(document, known())]] == []


def keys(shape: Any) -> Iterator[str]:
    for each in (shape, *typing.get_args(shape)):
        if is_dataclass(each):
            for field in fields(each):
                yield field.name
                yield from keys(typing.get_type_hints(each)[field.name])
        elif each is not shape:
            yield from keys(each)


def test_every_key_is_in_the_example() -> None:
    named = set(keys(OuLayer)) | set(keys(AccountLayer))
    assert {"cidrs", "containments_per_attack_sequence", "severity"} <= named
    assert [key for key in sorted(named) if f"{key}:" not in EXAMPLE] == []
