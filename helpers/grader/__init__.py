"""What only teachers run: release student copies, and grade what comes back.

It is not part of a student's copy.
"""
