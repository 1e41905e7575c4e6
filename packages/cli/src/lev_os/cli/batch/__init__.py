"""A flow over a file of inputs: `rows` is the output file, `work` the workers, `table` the summary at the end."""
