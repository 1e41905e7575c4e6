"""Tools and flows of packages as toolsets of Pydantic AI, each with the card by which the gate knows it."""

from .flows import FlowToolset
from .packages import PackageToolset
from .world import World

__all__ = ["FlowToolset", "PackageToolset", "World"]
