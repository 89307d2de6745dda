# SPDX-License-Identifier: Apache-2.0
"""What the commands for a real deployment share: where its settings are, and one border for what goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli.invocation.error_output import FAILED, print_errors

if TYPE_CHECKING:
    from hub.deployment.model import DeploymentSettings

CONFIG = click.option(
    "--config",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("config"),
    show_default=True,
    help="Directory of the settings and the policy files.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")

EXIT_CODES = """
\b
Exit codes:
  0  done
  1  not done: AWS or Cordon refused, and the message says why
  2  bad usage, or settings that are wrong
"""


def with_settings(directory: Path, work: Callable[[DeploymentSettings], int], *, as_json: bool) -> int:
    """Read the settings and do the work within the border; return its exit code, 2 for bad settings."""
    from hub.deployment.read import read_settings

    return bordered(lambda: work(read_settings(directory)), as_json=as_json)


def bordered(work: Callable[[], int], *, as_json: bool) -> int:
    """Do the work; return its exit code, 1 for what AWS or Cordon refuses, 2 for bad settings or bad usage."""
    from functions.aws import errors
    from hub.organization.errors import AskedError, OrganizationError
    from hub.policy.errors import PolicyErrors

    try:
        return work()
    except PolicyErrors as error:
        return print_errors(error.to_json(), as_json=as_json, summary="The settings are wrong: nothing was done.")
    except AskedError as error:
        raise click.UsageError(str(error)) from error
    except OrganizationError as error:
        return print_errors([{"message": str(error)}], as_json=as_json, code=FAILED)
    except errors.AwsError as error:
        return print_errors([{"message": errors.message(error)}], as_json=as_json, code=FAILED)
