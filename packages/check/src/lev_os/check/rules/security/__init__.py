"""What a reader would not see, or should not obey."""
