# SPDX-License-Identifier: Apache-2.0
"""Clients, errors, repetition, roles."""
