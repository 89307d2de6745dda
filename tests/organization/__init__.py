# SPDX-License-Identifier: Apache-2.0
"""Accounts, OUs, kill switches."""
