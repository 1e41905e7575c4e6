"""Agents that speak with a package's contexts and hold to its constitution."""
