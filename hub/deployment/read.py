# SPDX-License-Identifier: Apache-2.0
"""Read the settings of a deployment, or report everything that is wrong with them.

The same restricted YAML and the same errors as policy: ``file:line:column: path: what; did you mean ...``, all at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.deployment.checks import check_together
from hub.deployment.model import DeploymentSettings, Detection, EvidenceSettings, Guard, Rollout
from hub.deployment.shape import DeploymentShape
from hub.policy import shape
from hub.policy.contradictions import EVERYTHING, Given
from hub.policy.errors import Located, PolicyErrors
from hub.policy.layers import DEPLOYMENT, name_of
from hub.policy.lock import Lock, read_lock
from hub.policy.reader import Document, read


def read_settings(config: Path) -> DeploymentSettings:
    """Return the settings of ``deployment.yaml`` and ``organization.lock.json`` of a directory together.

    Raises PolicyErrors with everything that is wrong with either.
    """
    errors: list[Located] = []
    document, lock = _document(config, errors), _lock(config, errors)
    if document is not None:
        errors += check_together(document, lock)
    if errors or document is None or lock is None or lock.forensics is None:
        raise PolicyErrors(errors)
    return _settings(document.data, lock, lock.forensics)


def errors_of(config: Path) -> tuple[Located, ...]:
    """Return what is wrong with the settings of a directory; nothing where it has none."""
    if not (config / DEPLOYMENT).exists():
        return ()
    try:
        read_settings(config)
    except PolicyErrors as error:
        return error.errors
    return ()


def given_by(config: Path) -> Given:
    """Return what the deployment of a directory gives the steps; everything where its settings can't be read."""
    document = _document(config, []) if (config / DEPLOYMENT).exists() else None
    if document is None:
        return EVERYTHING
    return Given(identity_role=document.data["rollout"].get("identity", False), qualifier=document.data["qualifier"])


def _document(config: Path, errors: list[Located]) -> Document | None:
    path = config / DEPLOYMENT
    try:
        document = read(path, name_of(config, path))
    except PolicyErrors as error:
        errors += error.errors
        return None
    wrong = shape.check(document, DeploymentShape)
    errors += wrong
    return None if wrong else document


def _lock(config: Path, errors: list[Located]) -> Lock | None:
    try:
        return read_lock(config)
    except PolicyErrors as error:
        errors += error.errors
        return None


def _settings(data: dict[str, Any], lock: Lock, forensics: str) -> DeploymentSettings:
    rest = {key: data[key] for key in ("containments_per_hour", "log_retention_days") if key in data}
    return DeploymentSettings(
        organization=lock.organization,
        hub=lock.hub,
        forensics=forensics,
        management=data["management"],
        qualifier=data["qualifier"],
        home_region=data["home_region"],
        regions=tuple(data["regions"]),
        rollout=Rollout(**_frozen(data["rollout"])),
        evidence=EvidenceSettings(**_frozen(data.get("evidence", {}))),
        guard=Guard(**_frozen(data.get("guard", {}))),
        detection=Detection(**_frozen(data.get("detection", {}))),
        operators=tuple(data.get("operators", ())),
        notify=tuple(data.get("notify", ())),
        **rest,
    )


def _frozen(data: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
