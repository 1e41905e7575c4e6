"""Leviathan for pytest."""
