# SPDX-License-Identifier: Apache-2.0
"""Start of every function's process: the log, the settings, and the clients that it keeps."""

from __future__ import annotations

import logging
import os

import botocore.session

from functions import log
from functions.aws.clients import Clients
from functions.settings import Settings, SettingsError


def start() -> tuple[Settings, Clients]:
    """Return the settings of the environment and clients to keep; log every problem and raise SettingsError."""
    log.configure()
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        for problem in error.problems:
            log.write("settings", level=logging.ERROR, outcome="failed", reason=problem)
        raise
    return settings, Clients(botocore.session.Session(), settings.home_region)
