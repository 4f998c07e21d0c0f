"""How the shipped weights and numbers were made. Not part of a student's copy."""
