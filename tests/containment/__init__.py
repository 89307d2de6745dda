# SPDX-License-Identifier: Apache-2.0
"""The engine: the baseline's sections, the border between steps, one containment after another."""
