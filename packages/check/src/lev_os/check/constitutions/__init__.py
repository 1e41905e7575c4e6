"""What can be known of a constitution, and of everything else against it, before anything runs."""
