# SPDX-License-Identifier: Apache-2.0
"""Errors of policy at run time.

PolicyError
└── BundleError   a bundle that can't be trusted or understood: record and notify, never act
"""

from __future__ import annotations


class PolicyError(Exception):
    """Base of the errors of this package; the text is a sentence for a person."""


class BundleError(PolicyError):
    """The bundle is not one that this version can act by."""
