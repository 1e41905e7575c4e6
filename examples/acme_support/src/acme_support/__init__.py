"""Acme's support desk: what its people know, decide and may do, for programs and for language models."""
