"""What only teachers run: release student copies, and grade what comes back. Not part of a
student's copy.
"""
