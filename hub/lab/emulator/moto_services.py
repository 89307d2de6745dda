# SPDX-License-Identifier: Apache-2.0
"""moto's services as handlers of ministack: the caller's account is passed on, everything else is as it came.

moto isn't safe to use from several threads, hence one lock around it.
"""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from functions.clock import SystemClock
from hub.lab.emulator import organizations, profiles
from hub.simulation.corrections import correct as correct_moto
from hub.simulation.patches import Patches
from hub.simulation.wire import Answer, error_answer, service_model

MOUNTED = ("ec2", "autoscaling", "elasticloadbalancing")
_SDK_NAMES = {"elasticloadbalancing": "elbv2"}
_SERVER_ERROR = 500

_lock = threading.RLock()


def mount(patches: Patches) -> None:
    """Correct moto as the simulation does, and put it behind ministack's routing."""
    from ministack import app
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    correct_moto(patches, SystemClock())
    profiles.correct(patches)
    application = DomainDispatcherApplication(create_backend_app)
    for service in MOUNTED:
        app.SERVICE_HANDLERS[service] = _handler(application, service, _of_the_caller)
    app.SERVICE_HANDLERS["organizations"] = _handler(application, "organizations", _of_the_organization)


def _handler(application: Any, service: str, account_for: Callable[[str, str], str | None]) -> Any:
    from ministack.core.responses import get_account_id

    async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Any) -> Answer:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        account = account_for(get_account_id(), operation)
        if account is None:
            return error_answer(service, "AccessDeniedException", "This account may not make this call.")
        # ministack may have put a form's body among the query already; moto wants the request as it was sent.
        query = {} if method == "POST" and body else query_params
        status, answered, data = await asyncio.to_thread(
            _ask, application, (method, path, query), headers, body, account
        )
        if status == _SERVER_ERROR:
            return error_answer(service, "InvalidAction", f"moto can't do this: {data[:200].decode(errors='replace')}")
        return status, answered, data

    return handle


def _of_the_caller(account: str, _: str) -> str:
    return account


def _of_the_organization(account: str, operation: str) -> str | None:
    """Return the management account, which has the organisation, if the caller may make the call; else None."""
    management = organizations.management_of(account)
    reads = operation.startswith(("Describe", "List"))
    allowed = account == management or operation == "DescribeOrganization"
    return management if allowed or (reads and organizations.is_delegated(account)) else None


def _ask(
    application: Any, line: tuple[str, str, Mapping[str, Any]], headers: Mapping[str, str], body: bytes, account: str
) -> Answer:
    method, path, query = line
    environ: dict[str, Any] = {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in headers.items()
        if name.lower() not in ("content-type", "content-length")
    }
    environ |= {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": urlencode(query, doseq=True),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "HTTP_X_MOTO_ACCOUNT_ID": account,
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    begun: list[tuple[int, dict[str, str]]] = []

    def start(status: str, answered: list[tuple[str, str]], _: Any = None) -> None:
        begun.append((int(status.split(maxsplit=1)[0]), dict(answered)))

    with _lock:
        data = b"".join(application(environ, start))
    status, answered = begun[-1]
    return status, answered, data


def parameters_of(service: str, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters of a call as boto3 takes them, from those of its query; ``service`` as IAM names it."""
    from moto.core.parse import PROTOCOL_PARSERS

    model = service_model(_SDK_NAMES.get(service, service))
    request: Any = {
        "values": {name: value[0] if isinstance(value, list) else value for name, value in parameters.items()}
    }
    parser = PROTOCOL_PARSERS["ec2" if service == "ec2" else "query"]
    parsed: Mapping[str, Any] = parser(model.operation_model(operation)).parse(request)
    return parsed
