"""Leviathan over MCP."""
