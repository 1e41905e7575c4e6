"""A report as text, JSON, SARIF and GitHub's annotations, and its statistics."""
