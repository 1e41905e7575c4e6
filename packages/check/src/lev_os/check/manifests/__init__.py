"""What a package's manifest says, compared with the files and modules that are there. Nothing is imported."""
