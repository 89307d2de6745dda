# SPDX-License-Identifier: Apache-2.0
"""What containment is made of: each step one module and one record, none of which knows the engine."""
