# SPDX-License-Identifier: Apache-2.0
"""``cordon demo``: Cordon at work in a simulated organisation, checked as it goes.

Exit codes: 0 everything came as it should, 1 something did not, 2 bad usage or a policy that does not compile.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from hub.cli.invocation.error_output import print_errors
from hub.cli.invocation.logs import logs

if TYPE_CHECKING:
    from hub.demo.checks import Check
    from hub.policy.compile import Compiled
    from hub.simulation.run import SimulationResult

_HELP = """Watch Cordon contain a host in a simulated organisation.

Five incidents in one organisation: a host that is contained at once, one that waits for approval, a forged finding, a
storm of duplicates, a sample finding. Then the first host is put back. It takes some ten seconds and touches nothing
outside this process.

\b
Exit codes:
  0  every check passed
  1  a check failed; the last lines say which
  2  bad usage, or the policy does not compile
"""


@click.command("demo", help=_HELP, short_help="Watch Cordon contain a host in a simulated organisation.")
@click.option(
    "--config",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory of the policy files.  [default: config, or the one that comes with Cordon]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of the report.")
def demo(*, directory: Path | None, as_json: bool) -> int:
    """Run the demonstration and return the exit code."""
    # Everything below takes its time to import.
    from hub.policy.compile import compile_config
    from hub.policy.errors import PolicyErrors
    from hub.simulation.errors import SimulationError

    config = directory or _shipped_config()
    if config is None:
        raise click.UsageError("there is no directory config here: name one with --config")
    try:
        compiled = compile_config(config)
        with logs(shown=False):
            shown = run_demo(compiled, config, io.StringIO() if as_json else None)
    except PolicyErrors as error:
        return print_errors(error.to_json(), as_json=as_json, summary="The policy does not compile: nothing was run.")
    except SimulationError as error:
        return print_errors([{"message": str(error)}], as_json=as_json)
    if as_json:
        click.echo(json.dumps(shown.document(), indent=2))
    return 0 if shown.passed else 1


def _shipped_config() -> Path | None:
    """Return the policy to show: that of the working directory, or the one beside the package."""
    here, beside = Path("config"), Path(__file__).resolve().parents[3] / "config"
    return next((each for each in (here, beside) if (each / "organization.yaml").is_file()), None)


@dataclass(frozen=True, slots=True)
class FinishedDemo:
    """The demonstration when it is over. ``seconds``: how long it took."""

    ended: SimulationResult
    checks: Sequence[Check]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    def document(self) -> dict[str, Any]:
        """Return it as plain data; ``simulation`` has the shape of ``cordon simulate --json``."""
        return {
            "schema": 1,
            "passed": self.passed,
            "seconds": round(self.seconds, 1),
            "checks": [asdict(check) for check in self.checks],
            "simulation": self.ended.document(),
        }


def run_demo(compiled: Compiled, config: Path, stream: TextIO | None = None) -> FinishedDemo:
    """Run the demonstration and print its report on the stream, or on standard output."""
    from hub.cli.report.demo_report import DemoReport
    from hub.cli.report.terminal import Terminal
    from hub.demo.checks import check_release, check_scenario
    from hub.demo.demonstration import begin, request_for
    from hub.demo.scenarios import API, SCENARIOS
    from hub.simulation.run import deployed

    started = time.monotonic()
    terminal = Terminal(stream)
    report = DemoReport(terminal, config)
    request = request_for(compiled.data)
    checks: list[Check] = []
    with ExitStack() as stack:
        with terminal.working("Building the organisation"):
            demonstration = begin(stack.enter_context(deployed(request)), request)
        report.opening(demonstration, compiled.digest)
        for number, scenario in enumerate(SCENARIOS, 1):
            report.scenario(number, scenario.title, scenario.what)
            with terminal.working("Delivering the findings"):
                result = demonstration.scenario(scenario)
            checks += report.results(demonstration, result, check_scenario(result))
        report.scenario(len(SCENARIOS) + 1, "The first host is put back", "A person has looked at it and releases it.")
        with terminal.working("Releasing"):
            released = demonstration.release()
        ended = demonstration.ended()
        trips = [ended.round_trips(incident) for incident in ended.incidents if incident.target == API]
        checks += report.release(
            demonstration, released, check_release(demonstration, released, trips[0] if trips else None)
        )
    seconds = time.monotonic() - started
    report.closing(demonstration, checks, seconds)
    return FinishedDemo(ended, checks, seconds)
