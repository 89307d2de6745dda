# SPDX-License-Identifier: Apache-2.0
"""What botocore reads or makes anew for each client, kept for all tests: models, classes, rules of endpoints."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore import regions, useragent
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser
from botocore.loaders import JSONFileLoader

_SANITIZE = "sanitize_user_agent_string_component"


@pytest.fixture(scope="session", autouse=True)
def _what_botocore_makes_anew_for_each_client_made_once() -> Iterator[None]:
    """Keep a service's model, its class and its rules of endpoints, and names that are made of others."""
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
    """Keep what botocore reads from its data files anew for each session."""
    original, kept = JSONFileLoader.load_file, {}

    def load_file(loader: JSONFileLoader, path: str) -> Any:
        if path not in kept:
            kept[path] = original(loader, path)
        return kept[path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", load_file)
        yield
