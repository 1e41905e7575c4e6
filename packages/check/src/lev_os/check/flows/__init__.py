"""The analysis of flows: what is known of one without running it. The rules on flows read it."""
