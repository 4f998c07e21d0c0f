"""What only teachers run: release student copies. Not part of a student's copy."""
