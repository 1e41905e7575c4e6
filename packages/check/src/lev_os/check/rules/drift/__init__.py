"""What a context says of code, against the code that is installed."""
