# SPDX-License-Identifier: Apache-2.0
"""What runs in the lab's own process: ministack as the base, moto mounted in it, and what both lack.

ministack is imported here and nowhere outside, after ``server`` set the environment that it reads at import.
"""
