# SPDX-License-Identifier: Apache-2.0
"""Following a finding where a record can't be read: its sentence in the place of the record, and the other records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

from functions.incident.items import to_item
from hub.cli.commands.lab import document
from hub.lab import door
from hub.lab.clients import LabClients
from hub.lab.follow import LabIntake
from tests.incident.examples import stored
from tests.incident.made import INCIDENT

NEWER = "inc-1kjq1eaw0-newer000"


class FakeClients:
    """The lab's clients: a log that grows once it is followed, and a table with two incidents."""

    def __init__(self) -> None:
        self.logged: list[str] = []

    def root(self, service: str, *_: str) -> Any:
        return getattr(self, service)

    @property
    def logs(self) -> Any:
        def pages(**_: Any) -> Iterator[Mapping[str, Any]]:
            yield {"events": [{"message": line} for line in self.logged]}

        return SimpleNamespace(
            get_paginator=lambda _: SimpleNamespace(paginate=pages),
            exceptions=SimpleNamespace(ResourceNotFoundException=KeyError),
        )

    @property
    def dynamodb(self) -> Any:
        def query(**asked: Any) -> Mapping[str, Any]:
            key = asked["ExpressionAttributeValues"][":pk"]
            head = {**stored("head"), **({"schema": 2} if NEWER in key["S"] else {})}
            return {"Items": [{**to_item(head), "pk": key}]}

        return SimpleNamespace(query=query)

    def __getattr__(self, service: str) -> Any:
        assert service == "lambda"
        found = {"Environment": {"Variables": {"CORDON_TABLE": "cordon-records"}}}
        return SimpleNamespace(
            get_function_configuration=lambda **_: found,
            exceptions=SimpleNamespace(ResourceNotFoundException=KeyError),
        )


def test_a_record_that_can_not_be_read_is_told_and_the_others_are_read() -> None:
    clients = FakeClients()
    about = cast("door.About", SimpleNamespace(hub="111122223333", home_region="eu-west-1", qualifier="cordon"))
    intake = LabIntake(cast("LabClients", clients), about)
    targets = [{"kind": "target", "finding": "f", "incident": each} for each in (INCIDENT, NEWER)]
    clients.logged = [json.dumps(line) for line in (*targets, {"kind": "event", "outcome": "acted", "reason": ""})]

    followed = intake.follow("f")

    assert [each.id for each in followed.incidents] == [INCIDENT]
    (sentence,) = followed.refused
    assert sentence.startswith(f"the head of {NEWER} was written by a newer version of Cordon (schema 2")
    assert document(followed)["refused"] == [sentence]
