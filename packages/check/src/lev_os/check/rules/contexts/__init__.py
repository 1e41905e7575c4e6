"""Contexts, skills and instructions: their heads, links, sizes and repetitions."""
