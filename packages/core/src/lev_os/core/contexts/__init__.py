"""Contexts: Markdown with frontmatter, written for a model and checked like code."""

from .context import Context
from .frontmatter import frontmatter_schema
from .references import Reference
from .render import render_text

__all__ = ["Context", "Reference", "frontmatter_schema", "render_text"]
