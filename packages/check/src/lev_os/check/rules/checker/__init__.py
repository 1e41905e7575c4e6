"""CHK: what the checker says of itself: suppressions, its configuration, rules that fail."""
