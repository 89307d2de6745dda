# SPDX-License-Identifier: Apache-2.0
"""What commands share when they are invoked: common options, settings, how errors are printed, logs."""
