"""The conformance suite: what every backend must do, as tests that its author can run.

    pytest --lev-memory-backend=sqlite:///{tmp}/memory.db

`{tmp}` stands for a folder of the test's own; a server's URL needs none, since each test has tenants of its own. A
backend that says in its `capabilities` that it cannot do something is tested for refusing it.
"""
