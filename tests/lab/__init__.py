# SPDX-License-Identifier: Apache-2.0
"""Tests of the lab, and of the deployment in it."""
