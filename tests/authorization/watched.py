# SPDX-License-Identifier: Apache-2.0
"""The product watched while it works in the simulation: for each AWS call, what IAM would be asked just then.

The questions are made up before the call is answered, faults included: what AWS refuses has been asked for too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hub.authorization.places import motos_iam, place_of, tags_of
from hub.authorization.requests import AuthorizationRequest, requests_of
from hub.simulation.callers import scope
from tests.scenario import Scenario

_KEY = re.compile(rb"<AccessKeyId>([^<]+)<")


@dataclass(frozen=True)
class Session:
    """How a member role was assumed."""

    role: str
    name: str
    incident: str
    tags: Mapping[str, str]
    policy: Mapping[str, Any]

    @property
    def purpose(self) -> str:
        return self.role.rpartition("-")[2]


@dataclass(frozen=True)
class MemberCall:
    """A call in a member account: under which session, and what its service asks IAM for it."""

    session: Session
    operation: str
    requests: tuple[AuthorizationRequest, ...]


@dataclass(frozen=True)
class HubCall:
    """A call of a function in the hub."""

    function: str
    service: str
    operation: str
    parameters: Mapping[str, Any]


@dataclass
class Watched:
    """What was seen. ``function``: which of the hub's functions runs now."""

    function: str = "intake"
    members: list[MemberCall] = field(default_factory=list)
    hub: list[HubCall] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)


@contextmanager
def watching(scenario: Scenario, seen: Watched) -> Iterator[Watched]:
    """Note every call that the scenario's product makes."""
    transport: Any = scenario.simulation.transport
    perform = transport._perform

    def watched(delivery: Any, sent: Any, request: Any) -> Any:
        key, region = scope({name: _text(value) for name, value in request.headers.items()})
        session = seen.sessions.get(str(key))
        if session is None:
            seen.hub.append(HubCall(seen.function, sent.service, sent.operation, dict(sent.parameters)))
        else:
            account = session.role.split(":")[4]
            named, passed = motos_iam(account, "aws")
            place = place_of("aws", account, str(region), iam=named, passed=passed)
            tags = tags_of(account, str(region))
            asked = requests_of(sent.operation, sent.parameters, place, tags, sent.service)
            seen.members.append(MemberCall(session, sent.operation, asked))
        answer = perform(delivery, sent, request)
        if sent.operation == "AssumeRole" and (found := _KEY.search(answer[2])):
            seen.sessions[found[1].decode()] = _session(sent.parameters)
        return answer

    transport._perform = watched
    try:
        yield seen
    finally:
        transport._perform = perform


def _session(parameters: Mapping[str, Any]) -> Session:
    return Session(
        role=parameters["RoleArn"],
        name=parameters["RoleSessionName"],
        incident=parameters["SourceIdentity"],
        tags={tag["Key"]: tag["Value"] for tag in parameters["Tags"]},
        policy=json.loads(parameters["Policy"]),
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
