# SPDX-License-Identifier: Apache-2.0
"""Cordon as it is deployed in the simulated hub: policy and directory published, the intake behind its queue.

The code that runs here is the code that runs in Lambda; only the clock and the sessions are the simulation's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.aws.clients import Clients
from functions.incident.items import CONTROL_KEY, from_item, to_item
from functions.incident.model import Incident
from functions.intake.handler import Intake
from functions.intake.result import EventResult, Unfinished
from functions.organization.directory import Directory, object_key
from functions.release.release import release
from functions.services import Services
from functions.settings import Settings
from hub.policy.publish import publish
from hub.simulation.events import SourceEvent
from hub.simulation.queue import Delivered, SimulatedQueue
from hub.simulation.simulation import Simulation

RELEASED_BY = "cordon simulate"


@dataclass(frozen=True, slots=True)
class Handed:
    """One delivery and how it ended; ``result`` is None for a message that was dead-lettered, ``failure`` why."""

    delivered: Delivered
    result: EventResult | None
    failure: str = ""


class Deployment:
    """The deployed product in an open simulation."""

    def __init__(self, simulation: Simulation, bundle: bytes) -> None:
        self.simulation = simulation
        self.settings = Settings.from_env(simulation.environ)
        self._results: dict[str, EventResult | Unfinished] = {}
        self._processes: list[Intake] = []
        self._clients = Clients(simulation.session._session, self.settings.home_region)
        with simulation.unrecorded():
            publish(self._clients.hub("s3"), self._clients.hub("dynamodb"), self.settings, bundle)
            self._publish_directory()
        self.queue = SimulatedQueue(simulation, self._new_process)

    def warm_up(self, environments: int = 1) -> None:
        """Start the functions beforehand, as a schedule keeps them warm; recorded as delivery 0."""
        self.queue.warm_up(environments)

    def deliver(self, events: Sequence[SourceEvent], *, deliveries: int = 1, parallel: int = 1) -> list[Handed]:
        """Deliver events and return how each delivery ended."""
        handed = self.queue.deliver(events, deliveries=deliveries, parallel=parallel)
        return [self._handed(each) for each in handed]

    def deliver_together(self, events: Sequence[SourceEvent]) -> list[Handed]:
        """Deliver all events at the same moment, each to a process of its own."""
        return [self._handed(each) for each in self.queue.deliver_together(events)]

    def incidents(self) -> list[Incident]:
        """Return every incident's record, by id."""
        with self.simulation.unrecorded():
            hub = self._hub()
            dynamodb = self._clients.hub("dynamodb")
            found: list[str] = []
            start: dict[str, Any] = {}
            while True:
                answer = dynamodb.scan(
                    TableName=self.settings.table,
                    FilterExpression="sk = :head",
                    ExpressionAttributeValues={":head": {"S": "head"}},
                    **start,
                )
                found.extend(from_item(item)["pk"].removeprefix("incident#") for item in answer["Items"])
                if "LastEvaluatedKey" not in answer:
                    break
                start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
            records = [hub.store.load(incident) for incident in sorted(found)]
        return [record for record in records if record is not None]

    def release(self, incident: str, by: str = RELEASED_BY) -> Incident:
        """Release a host; raises ReleaseError when there is nothing to release."""
        with self.simulation.delivering(self.queue.next_number()):
            return release(self._hub(), incident, by=by)

    def switch_off(self, scopes: Sequence[str]) -> None:
        """Set kill switches: ``organization``, an OU path, an account id."""
        self._write_control({"switched_off": set(scopes)})

    def notifications(self) -> list[Mapping[str, str]]:
        """Return what was published to the topic, oldest first."""
        published = [call for call in self.simulation.calls if call["operation"] == "Publish" and not call["error"]]
        return [call["parameters"] for call in published]

    def close(self) -> None:
        """End the threads of every process."""
        for process in self._processes:
            process.close()

    def _hub(self) -> Services:
        return Services.open(self.settings, self._clients, self.simulation.runtime())

    def _new_process(self) -> Callable[[dict[str, Any], Any], Any]:
        intake = Intake(self.settings, self._clients, self.simulation.runtime(), self._keep)
        self._processes.append(intake)
        intake.warm_up()
        return intake.handle

    def _handed(self, delivered: Delivered) -> Handed:
        result = self._results.get(delivered.message_id)
        if isinstance(result, EventResult) and not delivered.dead_lettered:
            return Handed(delivered, result)
        reason = result.reason if isinstance(result, Unfinished) else str(delivered.error)
        return Handed(delivered, None, reason)

    def _keep(self, message_id: str, result: EventResult | Unfinished) -> None:
        self._results[message_id] = result

    def _publish_directory(self) -> None:
        spec = self.simulation.spec
        accounts = {account: each.ou for account, each in spec.accounts.items()}
        for special in (spec.organization.hub, spec.organization.forensics):
            accounts.setdefault(special, "/")
        directory = Directory(spec.organization.id, accounts)
        key = object_key(directory.digest)
        self._clients.hub("s3").put_object(Bucket=self.settings.policy_bucket, Key=key, Body=directory.dumps())
        self._write_control({"directory": directory.digest})

    def _write_control(self, values: Mapping[str, Any]) -> None:
        names = {f"#{number}": name for number, name in enumerate(values)}
        given = {f":{number}": value for number, value in enumerate(values.values())}
        with self.simulation.unrecorded():
            self._clients.hub("dynamodb").update_item(
                TableName=self.settings.table,
                Key=to_item(CONTROL_KEY),
                UpdateExpression="SET " + ", ".join(f"#{number} = :{number}" for number in range(len(values))),
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=to_item(given),
            )
