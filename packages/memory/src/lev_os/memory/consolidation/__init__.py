"""Tidying a memory: facts out of episodes, one value for each fact, no duplicates, and what is stale forgotten.

    report = await memory.consolidate(scope=scope, dry_run=True)     # the plan alone
    report = await memory.consolidate(scope=scope)                   # carried out

Nothing is destroyed: what goes is superseded or retracted with its reason, so that `restore` brings it back, and every
fact names the episodes it comes from. A fact is replaced only by one that is trusted as much.
"""

from .model import Action, Consolidation, Extract, Policy
from .run import consolidate

__all__ = ["Action", "Consolidation", "Extract", "Policy", "consolidate"]
