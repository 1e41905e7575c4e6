"""Leviathan's core: one package, two audiences."""
