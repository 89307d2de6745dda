# SPDX-License-Identifier: Apache-2.0
"""Putting a host back as it was: compare and set, item by item, and every gap named."""
