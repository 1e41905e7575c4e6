"""Personalities: contexts that are lenses on a question, and the tools with which `flows/deliberate` uses them."""
