# SPDX-License-Identifier: Apache-2.0
"""The lab's process: ``python -m hub.lab.emulator.server PORT``, with the world as one line of JSON on standard input.

It ends when its standard input does, so that no lab outlives the process that started it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

from hub.lab import door
from hub.lab.organization import LabWorld
from hub.simulation.patches import Patches

_HOST = "127.0.0.1"


def environment(port: int, home_region: str) -> dict[str, str]:
    """Return the settings of ministack and moto; both read them when they are imported."""
    return {
        "AUTH": "true",
        "AWS_DEFAULT_REGION": home_region,
        "BIND_HOST": _HOST,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": "WARNING",
        "MINISTACK_REGION": home_region,
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "false",
        "SFTP_ENABLED": "0",
    }


def application(world: LabWorld) -> Any:
    """Put the lab together, and return what answers calls."""
    from ministack import app
    from ministack.core import iam_actions, router

    from hub.lab.emulator import (
        calls,
        deliveries,
        enforcement,
        evaluation,
        moto_services,
        organizations,
        resource_types,
        sessions,
    )
    from hub.lab.emulator.security_hub import SecurityHub

    patches = Patches()  # never undone: they last as long as the process
    moto_services.mount(patches)
    organizations.build(world)
    for part in (calls, evaluation, enforcement, sessions, deliveries, resource_types):
        part.correct(patches)
    app.SERVICE_HANDLERS["securityhub"] = SecurityHub(world).handle
    router.SERVICE_PATTERNS["securityhub"] = {"host_patterns": [r"^securityhub\."], "credential_scope": "securityhub"}
    iam_actions.SERVICE_TO_IAM_NAMESPACE["securityhub"] = "securityhub"
    iam_actions._BOTOCORE_SERVICE_MAP["securityhub"] = ["securityhub"]
    return _with_door(app.app, world)


def _with_door(behind: Any, world: LabWorld) -> Any:
    about = {
        "organization": world.ours.id,
        "management": world.ours.management,
        "hub": world.hub,
        "home_region": world.home_region,
        "qualifier": world.qualifier,
    }

    acts = {door.EVENTS: _put, door.FUNCTION_KEYS: _function_keys}

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path == door.ABOUT:
            await _send(send, 200, about)
        elif path in acts:
            try:
                await _send(send, 200, acts[path](json.loads(await _body(receive))))
            except (KeyError, TypeError, ValueError) as error:
                await _send(send, 400, {"message": f"this can't be done: {type(error).__name__}: {error}"})
        else:
            if scope["type"] == "http":
                # Loopback stands for TLS: what demands aws:SecureTransport would refuse everything else.
                scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
            await behind(scope, receive, send)

    return answer


def _put(asked: Mapping[str, Any]) -> dict[str, Any]:
    from hub.lab.emulator.security_hub import put

    event = asked["event"]
    place = (str(asked["account"]), str(asked["region"]))
    put(place, event["source"], event["detail-type"], event["detail"], event.get("resources", []))
    return {}


def _function_keys(asked: Mapping[str, Any]) -> dict[str, Any]:
    from ministack.core import lambda_runtime
    from ministack.core.responses import request_scope
    from ministack.services import lambda_svc

    with request_scope(asked["account"], asked["region"]):
        given = lambda_runtime.execution_credentials(lambda_svc._functions[asked["function"]]["config"])
    return {
        "AccessKeyId": given["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": given["AWS_SECRET_ACCESS_KEY"],
        "SessionToken": given["AWS_SESSION_TOKEN"],
    }


async def _body(receive: Any) -> bytes:
    body = b""
    while True:
        message: Mapping[str, Any] = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _send(send: Any, status: int, document: Mapping[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(document).encode()})


def main() -> None:
    """Serve until standard input closes."""
    port = int(sys.argv[1])
    world = LabWorld.loads(sys.stdin.readline())
    for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_", "MINISTACK_", "LAMBDA_"))]:
        del os.environ[name]  # variables for real accounts must not reach the lab
    os.environ.update(environment(port, world.home_region))
    serving = application(world)

    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"{_HOST}:{port}"]
    config.keep_alive_timeout = 75
    config.accesslog = None
    config.errorlog = "-"

    def end_with_the_starter() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the starter decides
    threading.Thread(target=end_with_the_starter, daemon=True).start()
    asyncio.run(serve(serving, config))


if __name__ == "__main__":
    main()
