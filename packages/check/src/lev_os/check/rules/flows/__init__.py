"""Flows: references, types, graph, operation."""
