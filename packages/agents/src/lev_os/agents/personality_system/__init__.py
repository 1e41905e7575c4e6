"""Which lenses look at a question, and how many: chosen by triggers, added while the panel is unsure.

    chosen = select("Shall we migrate the database on Friday?", at_most=2)     # who, with scores and reasons
    result = await deliberate("Migrate on Friday?", ["yes", "no"], model="anthropic:claude-sonnet-5")

A lens is a context of kind personality (`lev_os.core.personalities`). The rounds are flows of core, so each passes the
gate, is blind, and keeps its dissent; nothing here prompts a model by itself.
"""

from .agreement import Agreement, Vote
from .deliberating import Deliberation, Round, deliberate
from .escalating import LEVELS, Confidence, level_of, panel
from .selecting import Choice, Lens, lenses, select

__all__ = [
    "LEVELS",
    "Agreement",
    "Choice",
    "Confidence",
    "Deliberation",
    "Lens",
    "Round",
    "Vote",
    "deliberate",
    "lenses",
    "level_of",
    "panel",
    "select",
]
