"""The targets of `lev export`, one module each; what several of them share begins with an underscore."""
