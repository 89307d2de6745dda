# SPDX-License-Identifier: Apache-2.0
"""The subcommands of ``cordon``, a module each: options, help, exit codes. What they print is made in ``report``."""
