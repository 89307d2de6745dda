# SPDX-License-Identifier: Apache-2.0
"""Tests of what every member account gets: the template, its policies, and the page that tells them."""
