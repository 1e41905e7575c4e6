"""YAML documents that cannot be read, whatever they are."""
