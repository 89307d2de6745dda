# SPDX-License-Identifier: Apache-2.0
"""``cordon simulate``: shows what Cordon would do with findings.

Exit codes: 0 it ran, 1 an event was dead-lettered, 2 bad usage or a policy that does not compile.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import Any

import click

from hub.cli.invocation.error_output import print_errors
from hub.cli.invocation.logs import logs

_NO_LATER_THAN = 2100
_NO_EARLIER_THAN = 2000
_SEEDS = 1_000_000

_HELP = """Show what Cordon would do with your findings, in a simulated organisation.

FILE has a GuardDuty finding in any dialect (Security Hub ASFF, Security Hub V2, native GuardDuty), bare or in its
EventBridge envelope, a JSON list of them, or JSON lines; - is standard input.

\b
A fault reads SERVICE:Operation=WHAT[*N], for the first N attempts:
  ec2:CreateSnapshots=RequestLimitExceeded*2     an AWS error code
  sts:AssumeRole=AccessDenied                    without *N: every time
  ec2:ModifyNetworkInterfaceAttribute=crash-after
  timeout-before, timeout-after, crash-before, crash-after: once without *N

\b
Exit codes:
  0  it ran
  1  an event was dead-lettered
  2  bad usage, or the policy does not compile
"""


class Moment(click.ParamType[datetime]):
    """A moment in ISO 8601; without an offset it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment, in UTC."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time in ISO 8601, such as 2026-03-01T09:30:00Z", param, ctx)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if not _NO_EARLIER_THAN <= moment.year < _NO_LATER_THAN:
            self.fail(f"{value!r} is not between {_NO_EARLIER_THAN} and {_NO_LATER_THAN}", param, ctx)
        return moment.astimezone(UTC)


class OuPath(click.ParamType[str]):
    """The path of an organisational unit from the root, as ``/Workloads/Prod``."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the path without a slash at its end."""
        parts = value.strip("/").split("/")
        if not value.startswith("/") or (value != "/" and not all(parts)):
            wanted = "/" + "/".join(part for part in parts if part)
            self.fail(f"{value!r} is not a path from the root; did you mean {wanted!r}?", param, ctx)
        return value.rstrip("/") or "/"


@click.command("simulate", help=_HELP, short_help="What would Cordon do with these findings?")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--config",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("config"),
    show_default=True,
    help="Directory of the policy files.",
)
@click.option(
    "--world",
    "world_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="World file: the accounts and instances that exist. Without it, those that the events name.",
)
@click.option("--ou", type=OuPath(), help="OU of the accounts that the events name.  [default: /]")
@click.option("--now", type=Moment(), help="Start of the simulated clock, ISO 8601.  [default: the present]")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    metavar="N",
    help="Decides ids, random pauses, and which of parallel deliveries goes first.  [default: one that is printed]",
)
@click.option(
    "--latency-ms", type=click.IntRange(0, 60_000), default=0, metavar="N", help="Time that every AWS call takes."
)
@click.option("--deliveries", type=click.IntRange(1, 1000), default=1, metavar="N", help="Deliver each event N times.")
@click.option(
    "--parallel",
    type=click.IntRange(1, 100),
    default=1,
    metavar="N",
    help="Deliver each event N times at once; beside --deliveries the greater number counts.",
)
@click.option("--fault", "faults", multiple=True, metavar="SPEC", help="Make calls fail; see above. Repeatable.")
@click.option("--then-release", is_flag=True, help="At the end, release every host on which Cordon acted.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON document instead of the report; the functions' logs go to standard error.",
)
@click.option("-v", "--log", "with_log", is_flag=True, help="Print the functions' logs to standard error.")
def simulate(
    *,
    files: Sequence[str],
    directory: Path,
    world_file: Path | None,
    ou: str | None,
    now: datetime | None,
    seed: int | None,
    latency_ms: int,
    deliveries: int,
    parallel: int,
    faults: Sequence[str],
    then_release: bool,
    as_json: bool,
    with_log: bool,
) -> int:
    """Simulate, print the document or the report, and return the exit code."""
    # Everything below takes its time to import.
    from hub.cli.invocation.simulation_request import SimulationArguments, simulation_request
    from hub.policy.errors import PolicyErrors
    from hub.simulation.errors import SimulationError, UsageError
    from hub.simulation.run import run

    if ou is not None and world_file is not None:
        raise click.UsageError("--ou is for accounts that no world file lists: give either --ou or --world")
    wishes = SimulationArguments(files, directory, world_file, ou or "/", tuple(faults))
    start = now or datetime.now(UTC).replace(microsecond=0)
    moment = f"{start:%Y-%m-%dT%H:%M:%SZ}"
    chosen = SystemRandom().randrange(_SEEDS) if seed is None else seed
    try:
        request = simulation_request(
            wishes,
            now=start,
            seed=chosen,
            latency_ms=latency_ms,
            deliveries=deliveries,
            parallel=parallel,
            then_release=then_release,
        )
        with logs(shown=as_json or with_log):
            ended = run(request)
    except PolicyErrors as error:
        return print_errors(error.to_json(), as_json=as_json, summary="The policy does not compile: nothing was run.")
    except UsageError as error:
        return print_errors([{"message": text} for text in error.problems], as_json=as_json)
    except SimulationError as error:
        return print_errors([{"message": str(error)}], as_json=as_json)
    if as_json:
        click.echo(json.dumps(ended.document(), indent=2, default=str))
        for refused in ended.refused_releases:
            line = {"level": "warning", "kind": "release", "outcome": "refused", "reason": refused}
            click.echo(json.dumps(line), err=True)
        ran = {"level": "info", "kind": "simulation", "outcome": "ran", "now": moment, "seed": chosen}
        click.echo(json.dumps(ran), err=True)
    else:
        from hub.cli.report.simulation_report import print_report

        print_report(ended, directory)
        if now is None or seed is None:
            click.echo(f"To run exactly the same again, add --now {moment} --seed {chosen}")
    return 1 if ended.dead_lettered else 0
