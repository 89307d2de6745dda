# SPDX-License-Identifier: Apache-2.0
"""``cordon lab``: a cloud on this machine with IAM enforced and Cordon deployed in it, and findings sent into it.

Exit codes: 0 done, 1 the lab can't do it, 2 bad usage, settings or a file without a finding.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hub.cli.invocation.deployment import CONFIG
from hub.cli.invocation.error_output import FAILED, print_errors
from hub.cli.report.printable import printable

if TYPE_CHECKING:
    from hub.lab.follow import Followed
    from hub.lab.lab import Lab
    from hub.simulation.events import SourceEvent

_DEFAULT_PORT = 4570
_EXAMPLE = "hub/demo/findings/command-and-control.json"


@click.group("lab", short_help="A cloud on this machine, with IAM enforced and Cordon deployed in it.")
def lab() -> None:
    """Try the deployment itself on this machine, with IAM enforced. It needs no AWS account, and touches none."""


_UP_HELP = """Start the lab, deploy Cordon in it, and keep it running until Ctrl-C.

The organisation is that of organization.lock.json, the templates are those of "cordon organization deploy". The lab
listens only on 127.0.0.1. Keys of an account's root are the account's id and any secret. The lab keeps nothing.

\b
Exit codes:
  0  Ctrl-C ended it
  1  it could not start, or something could not be deployed
  2  bad usage, or settings or a policy that are wrong
"""


@lab.command("up", help=_UP_HELP, short_help="Start the lab, deploy Cordon in it, keep it running.")
@CONFIG
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=_DEFAULT_PORT,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
def up(*, directory: Path, port: int) -> int:
    """Run a lab and return the exit code."""
    from hub.lab.errors import LabError
    from hub.lab.lab import up as brought_up
    from hub.policy.errors import PolicyErrors

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a supervisor ends it as Ctrl-C does
    try:
        with brought_up(directory, lambda text: click.echo(f"  {text}"), port) as running:
            _show(running)
            try:
                running.process.wait()
            except KeyboardInterrupt:
                click.echo("\nThe lab has ended.")
                return 0
            return print_errors([{"message": "the lab ended by itself"}], as_json=False, code=FAILED)
    except PolicyErrors as error:
        return print_errors(
            error.to_json(), as_json=False, summary="The settings or the policy are wrong: nothing was run."
        )
    except LabError as error:
        return print_errors([{"message": str(error)}], as_json=False, code=FAILED)


def _show(running: Lab) -> None:
    world = running.world
    lines = [
        "",
        f"The lab is up at {running.endpoint}. Hosts to report findings about:",
        *(
            f"  {host.instance}  {host.account} ({world.ours.members[host.account].name}), "
            f"strictest mode {running.strictest(host.account).value}"
            for host in running.hosts
        ),
        "",
        "Try, in another terminal:",
    ]
    endpoint = "" if running.endpoint.endswith(f":{_DEFAULT_PORT}") else f" --endpoint {running.endpoint}"
    if running.hosts:
        host = running.hosts[0]
        lines.append(f"  cordon lab finding {_EXAMPLE} --instance {host.instance}{endpoint}")
    lines += [
        "or use cordon or the AWS CLI as an account's root:",
        f"  export AWS_ENDPOINT_URL={running.endpoint} AWS_REGION={world.home_region}",
        f"  export AWS_ACCESS_KEY_ID={world.hub} AWS_SECRET_ACCESS_KEY=lab",
        "  cordon incidents",
        "Ctrl-C ends it.",
    ]
    click.echo("\n".join(lines))


_FINDING_HELP = f"""Send a finding into a running lab and print what Cordon does about it.

FILE has one GuardDuty finding in any dialect, bare or in its EventBridge envelope; - is standard input. A finding in
Security Hub's format is imported into Security Hub. Any other is put on the hub's bus, as its service would.

\\b
Exit codes:
  0  Cordon has finished with the finding, whatever it decided
  1  no lab is running there, or Cordon did not finish in time
  2  bad usage, or the file has no finding

\\b
For example:
  cordon lab finding {_EXAMPLE} --instance i-...
"""


@lab.command("finding", help=_FINDING_HELP, short_help="Send a finding into the lab and follow it.")
@click.argument("file", metavar="FILE")
@click.option("--instance", metavar="ID", help="Make the finding be about this host of the lab.")
@click.option(
    "--endpoint",
    default=f"http://127.0.0.1:{_DEFAULT_PORT}",
    show_default=True,
    help="Address of the lab, as it was printed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
def finding(*, file: str, instance: str | None, endpoint: str, as_json: bool) -> int:
    """Send, follow, print, and return the exit code."""
    from hub.lab import door
    from hub.lab.clients import LabClients
    from hub.lab.errors import LabError, UnsendableFindingError
    from hub.lab.findings import aimed, named_in, send
    from hub.lab.follow import LabIntake
    from hub.lab.hosts import find
    from hub.simulation.errors import EventsError

    try:
        envelope = _envelope(_single(file))
        named_in(envelope)
        about = door.about(endpoint)
        clients = LabClients(endpoint)
        if instance is not None:
            envelope = aimed(envelope, find(clients, about, instance))
        intake = LabIntake(clients, about)
        sent = send(clients, about, envelope)
        if not as_json:
            click.echo(f"{sent.named.finding}\n  {sent.how}, account {sent.account}, {sent.region}")
        followed = intake.follow(sent.named.finding)
    except EventsError as error:
        return print_errors([{"message": text} for text in error.problems], as_json=as_json)
    except UnsendableFindingError as error:
        return print_errors([{"message": f"{file}: {error}"}], as_json=as_json)
    except LabError as error:
        return print_errors([{"message": str(error)}], as_json=as_json, code=FAILED)
    if as_json:
        click.echo(
            json.dumps({"schema": 1, "finding": sent.named.finding, "how": sent.how, **document(followed)}, indent=2)
        )
    else:
        _tell(followed)
    return 0


def _single(file: str) -> SourceEvent:
    from hub.lab.errors import UnsendableFindingError
    from hub.simulation.events import load

    events = load([file])
    if len(events) != 1:
        raise UnsendableFindingError(f"has {len(events)} events: send them one by one")
    return events[0]


def _envelope(event: SourceEvent) -> dict[str, Any]:
    from hub.lab.errors import UnsendableFindingError

    if event.envelope is None:
        raise UnsendableFindingError("this is not a finding: it is no JSON object")
    return dict(event.envelope)


def document(followed: Followed) -> dict[str, Any]:
    """Return the result of a finding as plain data."""
    return {
        "outcome": followed.outcome,
        "reason": followed.reason,
        "incidents": [
            {
                "id": each.id,
                "state": each.state.value,
                "account": each.target.account,
                "region": each.target.region,
                "instance": each.target.instance,
                "mode": each.mode.value,
                "rule": each.rule,
                "reason": each.reason,
                "steps": [
                    {"name": step.name, "outcome": step.outcome.value, "reason": step.reason} for step in each.steps
                ],
                "residual_risk": list(each.residual_risk),
            }
            for each in followed.incidents
        ],
        "refused": list(followed.refused),
    }


def _tell(followed: Followed) -> None:
    lines = [f"{followed.outcome}: {followed.reason}"]
    for each in followed.incidents:
        lines.append(f"  {each.id}: {each.state.value}, {each.target.instance} in {each.target.account}")
        lines += [
            f"    {step.name}: {step.outcome.value}{f' ({step.reason})' if step.reason else ''}" for step in each.steps
        ]
        if each.residual_risk:
            lines.append(f"    residual risk: {', '.join(each.residual_risk)}")
    lines += [f"  {sentence}" for sentence in followed.refused]
    click.echo(printable("\n".join(lines), keep="\n"))
