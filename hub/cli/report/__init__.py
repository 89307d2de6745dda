# SPDX-License-Identifier: Apache-2.0
"""What the commands print for people: reports of simulations, incidents and the demonstration, and the terminal.

``terminal`` prints, ``printable`` makes any text safe to print, ``planned_calls`` puts calls into words.
"""
