# SPDX-License-Identifier: Apache-2.0
"""The lab: a cloud on loopback that enforces IAM, with the deployment's own templates deployed in it.

``emulator`` is what runs in the lab's process, everything else works on it from outside, by the APIs of AWS alone.
docs/adr/0017 says what is real in it, what is emulated, and which private names of the emulators that takes.
"""
