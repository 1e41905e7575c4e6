"""LEV, MEM and others: what commands other than `lev check` say of what they are given and meet."""
