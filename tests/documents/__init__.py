# SPDX-License-Identifier: Apache-2.0
"""Documents of many simulations, to compare before and after a change that must change nothing."""
