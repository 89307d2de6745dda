# SPDX-License-Identifier: Apache-2.0
"""Reaching AWS: clients, credentials per incident, errors in words, calls that must not be repeated blindly."""
