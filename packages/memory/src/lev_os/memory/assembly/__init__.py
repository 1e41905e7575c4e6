"""Context for a model from everything remembered, within a budget of tokens, with a receipt.

    assembly = await memory.assemble("What does Ada drink?", scope=scope, budget=2000)
    assembly.text      # what the model is given
    assembly.receipt   # what is in it, what is not, and why

The steps: what is pinned comes first; each type gets its floor; the rest goes to the best value for its tokens, up to
each type's ceiling; what is left over then goes to any type. A fact has one current value. The text begins with what
changes least, so that a provider's cache of it holds: pinned, procedural and semantic records, then episodes by date,
then what is planned, then what is being worked on. Records that are not trusted stand in a block of their own, marked
as data. All is counted again at the end, and is never over the budget.
"""

from .assembling import assemble
from .model import Assembly, Item, LeftOut, Plan, Receipt, Share

__all__ = ["Assembly", "Item", "LeftOut", "Plan", "Receipt", "Share", "assemble"]
