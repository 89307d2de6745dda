# SPDX-License-Identifier: Apache-2.0
"""The member template as the tests look at it: made once, resolved as CloudFormation would."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from member_stacks.drill import drill_template
from member_stacks.props import MemberProps
from member_stacks.template import member_template

HUB = "111122223333"
FORENSICS = "222233334444"
MEMBER = "444455556666"
ORGANIZATION = "o-exampleorgid"
PROPS = MemberProps(
    qualifier="cordon",
    organization=ORGANIZATION,
    hub_account=HUB,
    forensics_account=FORENSICS,
    regions=("eu-west-1", "us-east-1"),
)
GOLDEN = Path(__file__).parent / "golden"
_PSEUDO = {"AWS::Partition": "aws", "AWS::AccountId": MEMBER, "AWS::URLSuffix": "amazonaws.com"}


@functools.cache
def template(props: MemberProps = PROPS) -> dict[str, Any]:
    return member_template(props)


@functools.cache
def drill() -> dict[str, Any]:
    return drill_template("cordon")


def linted(of: Mapping[str, Any]) -> list[str]:
    """Return what cfn-lint has to say of a template."""
    from cfnlint.api import lint

    return [str(match) for match in lint(pretty(of))]


def resolved(value: Any, partition: str = "aws") -> Any:
    """Return a part of a template as CloudFormation resolves it; references stay."""
    if isinstance(value, Mapping):
        if list(value) == ["Fn::Sub"]:
            pseudo = {**_PSEUDO, "AWS::Partition": partition}
            return re.sub(r"\$\{(AWS::\w+)\}", lambda found: pseudo[found[1]], value["Fn::Sub"])
        return {key: resolved(each, partition) for key, each in value.items()}
    if isinstance(value, list):
        return [resolved(each, partition) for each in value]
    return value


def resources(kind: str, whole: Mapping[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Return the properties of all resources of a type, resolved, by name (or by logical id where they have none)."""
    found = (whole or template())["Resources"]
    named = {
        logical: resolved(each["Properties"])
        for logical, each in found.items()
        if each["Type"] == f"AWS::{kind.replace('.', '::')}"
    }
    return {
        str(next((each[key] for key in ("RoleName", "ManagedPolicyName", "GroupName") if key in each), logical)): each
        for logical, each in named.items()
    }


def policy(name: str, whole: Mapping[str, Any] | None = None) -> dict[str, Any]:
    document: dict[str, Any] = resources("IAM.ManagedPolicy", whole)[name]["PolicyDocument"]
    return document


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a part of a template, keys too."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield key
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def same_as_golden(path: Path, text: str) -> None:
    """Fail unless the text is the file's; ``UPDATE_GOLDEN=1`` writes it anew."""
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def pretty(whole: Mapping[str, Any]) -> str:
    return json.dumps(whole, indent=2) + "\n"
