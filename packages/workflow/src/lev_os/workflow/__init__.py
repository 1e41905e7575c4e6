"""Flows that outlive their process and their machine: the durable driver on DBOS."""
