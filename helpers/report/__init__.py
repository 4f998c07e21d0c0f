"""Executed notebooks -> one PDF."""
