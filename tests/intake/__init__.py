# SPDX-License-Identifier: Apache-2.0
"""From queue message to outcome."""
