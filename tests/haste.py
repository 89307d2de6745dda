# SPDX-License-Identifier: Apache-2.0
"""Spares every test what Python and botocore do anew each time; no test asserts anything otherwise for it."""

from __future__ import annotations

import concurrent.futures.thread
import functools
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from _pytest import runner
from botocore import regions, useragent
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser
from botocore.loaders import JSONFileLoader

_SLOTS = 70_000
"""Places for values in one frame, so that Python takes 1 MiB for the frames of a thread."""

_SANITIZE = "sanitize_user_agent_string_component"


def _with_room(function: Callable[..., Any], *given: Any) -> Any:
    return function(*given)


# Python gives frames 16 KiB at a time and gives them back at once: where calls go to and fro over such an edge, each
# of them asks the kernel for memory, some 5,000 times a test, a seventh of its time.
_with_room.__code__ = _with_room.__code__.replace(co_stacksize=_SLOTS)


def pytest_collection_finish() -> None:
    # A fifth of a test's time went into looking for garbage among the libraries, which stay.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Any:
    return _with_room(runner.pytest_runtest_protocol, item, nextitem)


@pytest.fixture(scope="session", autouse=True)
def _threads_with_room() -> Iterator[None]:
    threads: Any = concurrent.futures.thread
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "_worker", functools.partial(_with_room, threads._worker))  # noqa: SLF001 — as above
        yield


@pytest.fixture(scope="session", autouse=True)
def _what_botocore_makes_anew_for_each_client_made_once() -> Iterator[None]:
    """Keep a service's model, class and rules of endpoints, and names made of others: a fifth of a test's time."""
    providers: dict[int, tuple[Any, Any]] = {}
    original = regions.EndpointProvider

    def provider(ruleset_data: Any, **rest: Any) -> Any:
        # The rules are kept with what was made of them, so that their id stays theirs.
        if id(ruleset_data) not in providers:
            providers[id(ruleset_data)] = (ruleset_data, original(ruleset_data=ruleset_data, **rest))
        return providers[id(ruleset_data)][1]

    with pytest.MonkeyPatch.context() as patch:
        for name in ("_load_service_model", "_create_client_class"):
            patch.setattr(ClientCreator, name, _kept(vars(ClientCreator)[name]))
        patch.setattr(EventAliaser, "_alias_event_name", _kept(vars(EventAliaser)["_alias_event_name"]))
        patch.setattr(regions, "EndpointProvider", provider)
        patch.setattr(useragent, _SANITIZE, functools.cache(vars(useragent)[_SANITIZE]))
        yield


def _kept(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that gives every object what it gave the first one that asked by the same name."""
    made: dict[str, Any] = {}

    def keeping(this: Any, name: str, *rest: Any) -> Any:
        if name not in made:
            made[name] = method(this, name, *rest)
        return made[name]

    return keeping


@pytest.fixture(scope="session", autouse=True)
def _every_model_read_once() -> Iterator[None]:
    """Keep what botocore reads from its data files anew for each session: a good part of many tests' time."""
    original, kept = JSONFileLoader.load_file, {}

    def load_file(loader: JSONFileLoader, path: str) -> Any:
        if path not in kept:
            kept[path] = original(loader, path)
        return kept[path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", load_file)
        yield
