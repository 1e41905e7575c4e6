"""The bundler: the contexts of packages and the texts of folders that answer a task, within a budget of tokens."""

from .bundler import bundle
from .model import Bundle, Format, Part

__all__ = ["Bundle", "Format", "Part", "bundle"]
