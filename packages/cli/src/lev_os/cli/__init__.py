"""The command `lev`."""


def main() -> int:
    """Run the command line; returns the exit code."""
    return 0
