# SPDX-License-Identifier: Apache-2.0
"""What is done about a record that can't be read: nothing is changed by it, and people are notified.

Most of all that is a record of a newer version of Cordon, met after a rollback. It is left as it is: what is written
here goes into an item of its own.
"""

from __future__ import annotations

import logging

from functions import log
from functions.aws import errors
from functions.context import INCIDENT
from functions.finding.model import Target
from functions.incident.errors import RecordError
from functions.incident.model import LeaseHolder
from functions.notify import place
from functions.services import Services


def refuse(services: Services, error: RecordError, *, target: Target | None, holder: LeaseHolder, notify: bool) -> None:
    """Log what can't be read, and give the lease on the target back where this attempt has it.

    With ``notify``, send it to people too, and add it to the timeline of the incident where that is known. What fails
    here is logged: the record that can't be read is what has to be told.
    """
    incident = error.incident or INCIDENT.get()
    INCIDENT.set(incident)
    log.write("record", level=logging.ERROR, outcome="refused", reason=str(error))
    try:
        if target is not None:
            services.claims.give_up(target, holder)
        if notify and incident is not None:
            services.store.add_entry(incident, f"nothing is done: {error}", holder.token)
    except errors.AwsError as failure:
        log.write("record", level=logging.ERROR, outcome="failed", reason=errors.message(failure))
    if notify:
        where = target.instance if target is not None else incident or "an incident"
        services.notifier.tell(
            f"nothing is done: a record of {where} can't be read",
            {
                "What": "nothing is done, because a record can't be read",
                **(place(target) if target is not None else {}),
                "Incident": incident or "",
                "Why": str(error),
            },
        )
