# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with the lab, each with a sentence.

LabError
    NotInstalledError   the emulators are missing, or are not the version that the lab was written for
    PortError           something else listens on the port
    NotRunningError     nothing listens there, or not a lab
    DeploymentError     a template could not be deployed
    FindingError        what should be sent is no finding that can be sent
"""

from __future__ import annotations


class LabError(Exception):
    """The lab can't do what was asked of it."""


class NotInstalledError(LabError):
    """The emulators are missing or of another version."""


class PortError(LabError):
    """The port is in use."""


class NotRunningError(LabError):
    """No lab answers at the endpoint."""


class DeploymentError(LabError):
    """A stack failed; the text has CloudFormation's reasons."""


class UnsendableFindingError(LabError):
    """What should be sent is not one finding, or not one that could come this way."""
