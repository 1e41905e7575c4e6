"""`lev dev`: a package is checked, and its stubs are refreshed, whenever a file of it changes."""
