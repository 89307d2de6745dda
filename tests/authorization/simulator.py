# SPDX-License-Identifier: Apache-2.0
"""Policies evaluated by iam-simulate, an evaluator that this project did not write.

It knows every action, resource type and condition key of AWS: a request with a key that its action has not is an error
here, never a quiet "no match". It takes an unknown operator or key in a policy, though: ``test_keys`` doesn't.
"""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.authorization.requests import NOT_NAMED, AuthorizationRequest

Policy = Mapping[str, Any]

_PROGRAM = Path(__file__).with_name("simulator.mjs")
_NODE = Path(__file__).parents[2] / ".venv/bin/node"
_ID_OF_WHAT_IS_MADE = "being-made"
"""iam-simulate would take ``*`` for a pattern; no policy of ours may name an id that begins like this."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: the ARN of the session, and the condition keys that come with it."""

    arn: str
    context: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]


@dataclass(frozen=True, slots=True)
class Policies:
    """All the policies that are weighed. ``guards``: service control policies, one tuple for each level."""

    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: Policy | None = None
    guards: tuple[tuple[Policy, ...], ...] = ()
    resource: Policy | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One question. ``owner``: the account of the resource, where that matters (a trust policy)."""

    request: AuthorizationRequest
    principal: Principal
    policies: Policies
    owner: str | None = None


class SimulatorError(Exception):
    """A question that iam-simulate can't answer: an unknown action, key or resource, a policy that is no policy."""


class _Documents:
    def __init__(self) -> None:
        self.all: list[Policy] = []
        self._numbers: dict[str, int] = {}

    def number(self, document: Policy) -> int:
        text = json.dumps(document, sort_keys=True)
        if text not in self._numbers:
            self._numbers[text] = len(self.all)
            self.all.append(document)
        return self._numbers[text]

    def number_of(self, document: Policy | None) -> int | None:
        return None if document is None else self.number(document)


class _Program:
    """The program, running: its start takes longer than a hundred evaluations."""

    def __init__(self) -> None:
        node = str(_NODE) if _NODE.exists() else shutil.which("node")
        assert node, "Node.js comes with the environment"
        self._process = subprocess.Popen(
            [node, str(_PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self.close)

    def evaluate(self, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(batch) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise SimulatorError("the simulator ended; what it wrote to standard error says why")
        verdicts: list[dict[str, Any]] = json.loads(line)
        return verdicts

    def close(self) -> None:
        self._process.communicate()


@functools.cache
def _program() -> _Program:
    return _Program()


def simulate(cases: Sequence[Case]) -> list[bool]:
    """Tell of each case whether it is allowed; raise SimulatorError for any that can't be evaluated."""
    documents = _Documents()
    simulations = [_simulation(case, documents) for case in cases]
    verdicts = _program().evaluate({"documents": documents.all, "simulations": simulations})
    for case, verdict in zip(cases, verdicts, strict=True):
        if verdict["error"] is not None or verdict["ignored"]:
            what = verdict["error"] or f"the action has no such keys: {verdict['ignored']}"
            raise SimulatorError(f"{case.request.action} on {case.request.resource}: {what}")
    return [verdict["result"] == "Allowed" for verdict in verdicts]


def _simulation(case: Case, documents: _Documents) -> dict[str, Any]:
    resource = case.request.resource
    if resource != NOT_NAMED and resource.endswith(f"/{NOT_NAMED}"):
        resource = resource.removesuffix(NOT_NAMED) + _ID_OF_WHAT_IS_MADE
    policies = case.policies
    return {
        "request": {
            "principal": case.principal.arn,
            "action": case.request.action,
            "resource": {"resource": resource, "accountId": case.owner or case.principal.account},
            "contextVariables": {**case.principal.context, **case.request.context},
        },
        "identity": [documents.number(each) for each in policies.identity],
        "boundary": documents.number_of(policies.boundary),
        "session": documents.number_of(policies.session),
        "guards": [[documents.number(each) for each in level] for level in policies.guards],
        "resource": documents.number_of(policies.resource),
    }
