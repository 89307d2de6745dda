# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between an operator and a deployment.

OrganizationError            base; its text is a sentence for a person
├── AskedError               bad usage: parts that the settings don't have, or that don't go together
├── CredentialsError         there are none, they don't work, or they are of another account
├── NotThereError            the deployment lacks what was asked for: a stack, the table, an incident, a bundle
└── RefusedError             Cordon or AWS refused; nothing was changed by this command
"""

from __future__ import annotations


class OrganizationError(Exception):
    """Base of the errors of this package."""


class AskedError(OrganizationError):
    """The request makes no sense; nothing was done."""


class CredentialsError(OrganizationError):
    """There are no credentials, they don't work, or they are of another account."""


class NotThereError(OrganizationError):
    """The deployment doesn't have the requested resource."""


class RefusedError(OrganizationError):
    """Cordon or AWS refused the request, and this command changed nothing."""
