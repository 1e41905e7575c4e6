"""Agents that packages declare."""
