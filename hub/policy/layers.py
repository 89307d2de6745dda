# SPDX-License-Identifier: Apache-2.0
"""Find and read the files of a configuration: the organisation's, the Organizational Units', the accounts'."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from hub.policy import shape
from hub.policy.errors import BUILT_IN, FilePlace, Located, PolicyErrors, located, suggestion
from hub.policy.reader import Document, parse, read

ORGANIZATION = "organization.yaml"
DEPLOYMENT = "deployment.yaml"
"""Beside the policy, and no layer of it: ``hub.deployment`` reads it."""

_TEXT = """\
mode: observe
steps:
  isolate:
    access:
      ports: []
      cidrs: []
      security_groups: []
      prefix_lists: []
      ssm: []
  scaling: {}
  protect: {}
  snapshot: {}
  tags: {}
  capture: {}
  role_denial: {}
limits:
  containments_per_account_hour: 10
  containments_per_scaling_group_hour: 2
  containments_per_attack_sequence: 5
  scaling_group_share: 50
max_age: 6h
eks_nodes: approve
appliances: approve
last_healthy_target: approve
after_release: approve
"""


@cache
def built_in() -> Document:
    """Return the layer that applies where no file says otherwise: observe, change nothing."""
    return parse(_TEXT, BUILT_IN, BUILT_IN)


@dataclass(slots=True)
class Layers:
    """The files that could be read, and what is wrong with them and with the others."""

    organization: Document | None = None
    ous: dict[str, Document] = field(default_factory=dict)
    accounts: dict[str, Document] = field(default_factory=dict)
    errors: list[Located] = field(default_factory=list)
    lacks_ou: bool = False
    """True when an OU's file could not be used: then places below the root can't be checked."""

    def __iter__(self) -> Iterator[Document]:
        """Yield every usable file, the organisation's first."""
        if self.organization is not None:
            yield self.organization
        yield from self.ous.values()
        yield from self.accounts.values()

    def above(self, ou: str) -> list[Document]:
        """Return the layers that apply to an OU, from the organisation's down."""
        found = [self.organization] if self.organization is not None else []
        parts = ou.strip("/").split("/")
        for depth in range(1, len(parts) + 1):
            document = self.ous.get("/" + "/".join(parts[:depth]))
            if document is not None:
                found.append(document)
        return found


def read_layers(directory: Path) -> Layers:
    """Read every policy file under a directory. Never raises: errors are in the result."""
    layers = Layers()
    layers.organization = _read(layers, directory, directory / ORGANIZATION, shape.OrganizationLayer)
    layers.ous = _read_scoped(layers, directory, "ous", "ou", shape.OuLayer)
    layers.accounts = _read_scoped(layers, directory, "accounts", "account", shape.AccountLayer)
    for path in sorted(directory.glob("*.y*ml")):
        if path.suffix in {".yaml", ".yml"} and path.name not in {ORGANIZATION, DEPLOYMENT}:
            near = suggestion(path.name, [ORGANIZATION, DEPLOYMENT])
            layers.errors.append(located(_start(directory, path), (), "is not read: no layer has this name", near))
    return layers


def name_of(directory: Path, path: Path) -> str:
    """Return a file's name as bundles have it: the same wherever the configuration is checked out."""
    return f"{directory.resolve().name}/{path.relative_to(directory).as_posix()}"


def _start(directory: Path, path: Path) -> FilePlace:
    return FilePlace(str(path), name_of(directory, path))


def _read(layers: Layers, directory: Path, path: Path, form: type) -> Document | None:
    try:
        document = read(path, name_of(directory, path))
    except PolicyErrors as error:
        layers.errors += error.errors
        return None
    wrong = shape.check(document, form)
    layers.errors += wrong
    return None if wrong else document


def _read_scoped(layers: Layers, directory: Path, folder: str, key: str, form: type) -> dict[str, Document]:
    found: dict[str, Document] = {}
    for path in sorted((directory / folder).rglob("*")):
        if path.is_dir() or path.name.startswith(".") or path.suffix not in {".yaml", ".yml"}:
            continue
        if path.suffix == ".yml":
            layers.errors.append(located(_start(directory, path), (), "is not read: name it .yaml"))
            continue
        document = _read(layers, directory, path, form)
        if document is None:
            layers.lacks_ou = layers.lacks_ou or form is shape.OuLayer
            continue
        scope = document.data[key]
        if scope in found:
            other = found[scope].value((key,))
            message = f"{scope!r} has a file already, {other.origin}"
            layers.errors.append(located(document.value((key,)), (key,), message))
        else:
            found[scope] = document
    return found
