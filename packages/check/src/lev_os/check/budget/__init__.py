"""What a package weighs: tokens of contexts, bytes of wheel and npm twin, CPU time of importing; against its budget."""

from .measuring import measure
from .model import Measure, Part

__all__ = ["Measure", "Part", "measure"]
