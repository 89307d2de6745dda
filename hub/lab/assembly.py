# SPDX-License-Identifier: Apache-2.0
"""Reads a CDK cloud assembly: which stacks there are, where each goes, in which order, with which assets.

The format is that of ``manifest.json`` and of the asset manifests beside it (the CDK's cloud-assembly schema).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.lab.errors import LabError

_ENVIRONMENT = re.compile(r"aws://(?P<account>\d{12})/(?P<region>[a-z0-9-]+)")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, or a directory to be zipped, and the object that it becomes."""

    source: Path
    zipped: bool
    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class SynthesizedStack:
    """A template and where it goes. ``uploaded``: the object that the template becomes, where it is an asset too."""

    name: str
    account: str
    region: str
    template: str
    tags: Mapping[str, str]
    assets: tuple[Asset, ...]
    uploaded: Asset | None = None


def read_assembly(directory: Path) -> tuple[SynthesizedStack, ...]:
    """Return the stacks of an assembly, each after those that it depends on; raise LabError for what isn't one."""
    try:
        manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabError(f"{directory} is no cloud assembly: {error}") from error
    artifacts: Mapping[str, Any] = manifest["artifacts"]
    ordered: dict[str, None] = {}
    for name in artifacts:
        _visit(name, artifacts, ordered)
    return tuple(
        _stack(directory, name, artifacts) for name in ordered if artifacts[name]["type"] == "aws:cloudformation:stack"
    )


def _visit(name: str, artifacts: Mapping[str, Any], ordered: dict[str, None]) -> None:
    if name not in ordered:
        for needed in artifacts[name].get("dependencies", []):
            _visit(needed, artifacts, ordered)
        ordered[name] = None


def _stack(directory: Path, name: str, artifacts: Mapping[str, Any]) -> SynthesizedStack:
    artifact = artifacts[name]
    place = _ENVIRONMENT.fullmatch(artifact["environment"])
    if place is None:
        raise LabError(f"stack {name} is for {artifact['environment']}: the lab needs an account and a Region")
    properties = artifact["properties"]
    manifests = [
        artifacts[needed]["properties"]["file"]
        for needed in artifact.get("dependencies", [])
        if artifacts[needed]["type"] == "cdk:asset-manifest"
    ]
    assets = tuple(asset for each in manifests for asset in _assets(directory, each))
    template = directory / properties["templateFile"]
    return SynthesizedStack(
        name=properties.get("stackName", name),
        account=place["account"],
        region=place["region"],
        template=template.read_text(encoding="utf-8"),
        tags=properties.get("tags", {}),
        assets=assets,
        uploaded=next((asset for asset in assets if asset.source == template), None),
    )


def _assets(directory: Path, manifest: str) -> Iterator[Asset]:
    for each in json.loads((directory / manifest).read_text(encoding="utf-8"))["files"].values():
        source = each["source"]
        for destination in each["destinations"].values():
            yield Asset(
                source=directory / source["path"],
                zipped=source["packaging"] == "zip",
                bucket=destination["bucketName"],
                key=destination["objectKey"],
            )
