# SPDX-License-Identifier: Apache-2.0
"""Putting a host back."""
