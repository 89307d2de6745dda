# SPDX-License-Identifier: Apache-2.0
"""``cordon switch``: the kill switch of a deployment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from hub.cli.invocation.deployment import CONFIG, EXIT_CODES, JSON, with_settings
from hub.cli.report.printable import printable

if TYPE_CHECKING:
    from hub.deployment.model import DeploymentSettings
    from hub.organization.switch import Switched

_SCOPE = "SCOPE is organization, the path of an OU (/Workloads/Prod), or an account id."


class Scope(click.ParamType[str]):
    """A scope of the kill switch."""

    name = "scope"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the scope as it is kept."""
        from hub.organization.switch import ScopeError, scope_of

        try:
            return scope_of(value)
        except ScopeError as error:
            self.fail(str(error), param, ctx)


@click.group("switch")
def switch() -> None:
    """Make Cordon only observe, or act again.

    Contained hosts stay contained. A switch is effective from the next finding on. Findings that arrive while a scope
    is off are recorded and planned; Cordon does not act on them later.
    """


@switch.command("off", help=f"Make Cordon only observe in a scope.\n\n{_SCOPE}\n{EXIT_CODES}")
@click.argument("scope", type=Scope())
@CONFIG
@JSON
def off(*, scope: str, directory: Path, as_json: bool) -> int:
    """Switch off and return the exit code."""
    return _switch(scope, "off", directory, as_json=as_json)


@switch.command("on", help=f"Make Cordon act again in a scope that was switched off.\n\n{_SCOPE}\n{EXIT_CODES}")
@click.argument("scope", type=Scope())
@CONFIG
@JSON
def on(*, scope: str, directory: Path, as_json: bool) -> int:
    """Switch on and return the exit code."""
    return _switch(scope, "on", directory, as_json=as_json)


@switch.command("show", help=f"Print what is switched off.\n{EXIT_CODES}")
@CONFIG
@JSON
def show(*, directory: Path, as_json: bool) -> int:
    """Print what is off and return the exit code."""

    def work(settings: DeploymentSettings) -> int:
        from hub.organization.hub_account import HubAccount
        from hub.organization.switch import switched_off

        _print(switched_off(HubAccount.enter(settings)), as_json=as_json)
        return 0

    return with_settings(directory, work, as_json=as_json)


def _switch(scope: str, to: Literal["off", "on"], directory: Path, *, as_json: bool) -> int:
    def work(settings: DeploymentSettings) -> int:
        from hub.organization import switch as switches
        from hub.organization.hub_account import HubAccount

        done = switches.switch(HubAccount.enter(settings), scope, to)
        for sentence in _warnings(scope, to, directory, done):
            click.echo(f"warning: {printable(sentence)}", err=True)
        _print(done.off, as_json=as_json, changed=done.changed)
        return 0

    return with_settings(directory, work, as_json=as_json)


def _warnings(scope: str, to: str, directory: Path, done: Switched) -> list[str]:
    """Return warnings about a scope that may be a mistake. The switch is still set: it is for emergencies."""
    from hub.organization.switch import still_off, unknown
    from hub.policy.lock import read_lock

    if to == "on":
        return [] if done.changed else [still_off(scope, done.off)]
    found = [] if done.changed else [f"{scope} was off already"]
    lock = read_lock(directory)
    hint = unknown(scope, {account.id: account.ou for account in lock.accounts.values()})
    return [*found, hint] if hint else found


def _print(scopes: tuple[str, ...], *, as_json: bool, changed: bool = False) -> None:
    if as_json:
        click.echo(json.dumps({"schema": 1, "switched_off": list(scopes), "changed": changed}, indent=2))
    elif scopes:
        click.echo("switched off, observed only: " + ", ".join(map(printable, scopes)))
    else:
        click.echo("nothing is switched off")
