# SPDX-License-Identifier: Apache-2.0
"""The tests, one folder for each area; CONTRIBUTING.md has the map."""
