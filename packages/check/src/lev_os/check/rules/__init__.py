"""The rules, one folder for each family; a module holds one rule, or a few that look at the same thing."""
