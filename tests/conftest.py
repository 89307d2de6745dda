# SPDX-License-Identifier: Apache-2.0
"""For every test: no network, and the two things that many of them need, a compiled policy and a scenario."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_socket
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from functions.context import INCIDENT, MEMBER_CREDENTIALS
from hub.policy.compile import compile_config
from tests.scenario import Scenario, open_scenario

pytest_plugins = ("tests.botocore_caches",)

# How long one example takes says how busy the machine is, and nothing of the product.
settings.register_profile("cordon", deadline=None)
settings.load_profile("cordon")

CONFIG = Path(__file__).parents[1] / "config"

_TOGETHER = ("tests/authorization/", "tests/hub_stacks/", "tests/member_stacks/")
"""Folders of which one process runs everything: what their tests walk and synthesise is made once for all of them."""


class Folders(LoadFileScheduling):
    """Gives each process whole files, and some folders as a whole."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in _TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Folders | None:
    return Folders(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    # Unix sockets stay: the runner's own processes talk by them.
    if item.get_closest_marker("lab"):
        pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    else:
        pytest_socket.disable_socket(allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _outside_any_incident() -> None:
    """Begin every test without an incident and without credentials, whatever the one before left."""
    INCIDENT.set(None)
    MEMBER_CREDENTIALS.set(None)


class NewScenario(Protocol):
    """Opens a scenario that closes with the test; ``tests.scenario.staged`` tells the arguments."""

    def __call__(self, *instances: Any, **how: Any) -> Scenario: ...


@pytest.fixture(scope="session")
def bundle() -> bytes:
    """The policy that the project ships, compiled."""
    return compile_config(CONFIG).data


@pytest.fixture
def new_scenario(bundle: bytes) -> Iterator[NewScenario]:
    with ExitStack() as stack:

        def start(*instances: Any, **how: Any) -> Scenario:
            return stack.enter_context(open_scenario(how.pop("bundle", bundle), *instances, **how))

        yield start
