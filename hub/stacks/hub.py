# SPDX-License-Identifier: Apache-2.0
"""The hub: records, intake, functions, and notifications. In the delegated administrator's account.

While idle it costs next to nothing: nothing in it runs or is reserved by the hour, and there is no key. The costs
without a finding are the polling of the queue, the warm-up, and alarms; docs/rollout.md has the figures.
"""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from constructs import Construct

from functions import names
from hub.deployment.model import DeploymentSettings
from hub.stacks import grants
from hub.stacks.alarms import Alarms, AlarmsProps
from hub.stacks.function import FunctionProps, HubFunction
from hub.stacks.grants import Granted
from hub.stacks.intake import Feed, FeedProps, IntakeQueue, QueueProps
from hub.stacks.notices import Notices, NoticesProps
from hub.stacks.operator import Operator, OperatorProps
from hub.stacks.placement import placed
from hub.stacks.records import RecordStores, RecordStoresProps
from hub.stacks.watch import ControlWatch, WatchProps

_INTAKE_ACTIONS = ("BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem")
_RELEASE_ACTIONS = ("BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem")


class HubStack(cdk.Stack):
    """The stack of the hub. ``code`` is the folder that ``hub.stacks.bundle`` made."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: DeploymentSettings, code: Path) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Cordon: the hub, which answers GuardDuty's findings on EC2 instances",
            **placed(settings, "hub"),
        )
        qualifier = settings.qualifier
        self._settings, self._code = settings, code
        self._records = RecordStores(
            self,
            "Records",
            props=RecordStoresProps(
                qualifier=qualifier, account=settings.hub, region=settings.home_region, evidence=settings.evidence
            ),
        )
        self._notices = Notices(self, "Notices", props=NoticesProps(qualifier=qualifier, addresses=settings.notify))
        queue = IntakeQueue(self, "Queue", props=QueueProps(qualifier=qualifier))
        intake, release, watch = self._intake(queue), self._release(), self._watch(queue)
        Feed(self, "Feed", props=FeedProps(qualifier=qualifier, queue=queue, function=intake.function))
        ControlWatch(self, "Control", props=WatchProps(records=self._records, queue=queue, function=watch.function))
        if settings.operators:
            Operator(
                self,
                "Operator",
                props=OperatorProps(
                    qualifier=qualifier,
                    who=settings.operators,
                    records=self._records,
                    release=release.function,
                ),
            )
        Alarms(
            self,
            "Alarms",
            props=AlarmsProps(
                qualifier=qualifier,
                topic=self._notices.topic,
                queue=queue,
                functions={
                    names.INTAKE: intake.function,
                    names.RELEASE: release.function,
                    names.WATCH: watch.function,
                },
            ),
        )

    def _intake(self, queue: IntakeQueue) -> HubFunction:
        return self._function(
            names.INTAKE,
            "functions.intake.handler.handler",
            queue.consuming(),
            *grants.records_access(self._records, _INTAKE_ACTIONS),
            grants.policy_reading(self, self._settings),
            grants.evidence_keeping(self, self._settings),
            grants.looking_up(self, self._settings),
            grants.entering(self, self._settings, purpose=names.CONTAIN),
        )

    def _release(self) -> HubFunction:
        release = self._function(
            names.RELEASE,
            "functions.release.handler.handler",
            *grants.records_access(self._records, _RELEASE_ACTIONS),
            grants.entering(self, self._settings, purpose=names.RELEASE),
        )
        # A person who wants another try asks again: one request is one release.
        release.function.configure_async_invoke(retry_attempts=0)
        return release

    def _watch(self, queue: IntakeQueue) -> HubFunction:
        return self._function(
            names.WATCH,
            "functions.organization.watch.handler",
            grants.watching(self._records),
            queue.giving_up(),
        )

    def _function(self, purpose: str, handler: str, *granted: Granted) -> HubFunction:
        """Return a function that may make these calls and notify people."""
        props = FunctionProps(
            purpose=purpose,
            handler=handler,
            code=self._code,
            settings=self._settings,
            records=self._records,
            notices=self._notices,
            grants=[*granted, grants.notifying(self._notices)],
        )
        return HubFunction(self, purpose.title(), props=props)
