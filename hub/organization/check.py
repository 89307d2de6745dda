# SPDX-License-Identifier: Apache-2.0
"""How a check before a deployment ends. What could not be read is never called good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from functions.aws import errors
from hub.deployment.model import DeploymentSettings
from hub.organization.caller import Caller


class CheckOutcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    """It can be deployed, but will not do its work until a person acts."""
    PROBLEM = "problem"
    """Deploying would fail or do harm."""
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a check says: one sentence, and a remedy unless all is well."""

    check: str
    outcome: CheckOutcome
    sentence: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ground:
    """What the checks need to ask AWS."""

    settings: DeploymentSettings
    caller: Caller


Check = Callable[[Ground], list[Answer]]


def ok(check: str, sentence: str) -> Answer:
    """Return that all is well."""
    return Answer(check, CheckOutcome.OK, sentence)


def problem(check: str, sentence: str, remedy: str) -> Answer:
    """Return a problem that stops a deployment."""
    return Answer(check, CheckOutcome.PROBLEM, sentence, remedy)


def warning(check: str, sentence: str, remedy: str) -> Answer:
    """Return a warning: Cordon will not do its work."""
    return Answer(check, CheckOutcome.WARNING, sentence, remedy)


def not_checked(check: str, error: BaseException, remedy: str) -> Answer:
    """Return that AWS did not answer the question; ``remedy`` says what makes it answer."""
    return Answer(check, CheckOutcome.NOT_CHECKED, f"AWS did not say: {errors.message(error)}", remedy)
