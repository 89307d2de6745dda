# SPDX-License-Identifier: Apache-2.0
"""Notifications to people: what happened, where, and why, in a message that can be read on a telephone.

A notification that can't be sent never undoes or repeats what was done: it is logged, and the record stays.
"""

from __future__ import annotations

import logging
import re

from functions import log
from functions.aws import errors
from functions.aws.clients import AwsClient
from functions.finding.model import Target

_SUBJECT_LIMIT = 100  # SNS: Subject, ASCII without line breaks or control characters
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


class Notifier:
    """Publishes to the hub's topic."""

    def __init__(self, sns: AwsClient, topic: str) -> None:
        self._sns = sns
        self._topic = topic

    def tell(self, subject: str, lines: dict[str, str]) -> bool:
        """Send one message of ``name: value`` lines; return whether it was sent."""
        text = "\n".join(f"{name}: {_UNPRINTABLE.sub('?', value)}" for name, value in lines.items() if value)
        short = _UNPRINTABLE.sub("?", f"[Cordon] {subject}")[:_SUBJECT_LIMIT]
        try:
            self._sns.publish(TopicArn=self._topic, Subject=short, Message=text)
        except errors.AwsError as error:
            log.write("notification", level=logging.ERROR, outcome="failed", subject=short, error=errors.message(error))
            return False
        return True


def place(target: Target) -> dict[str, str]:
    """Return the lines that say where."""
    return {"Instance": target.instance, "Account": target.account, "Region": target.region}
