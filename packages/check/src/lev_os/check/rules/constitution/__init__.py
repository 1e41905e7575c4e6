"""Constitutions, and everything else against them."""
