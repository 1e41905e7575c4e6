"""The declaration of an agent, `agents/*.yaml`: what it is made of, as data. `lev_os.agents` brings it to life."""

from .declaration import AgentDeclaration, AgentLimits, AgentMemory
from .links import AgentLinks
from .schema import agent_schema

__all__ = ["AgentDeclaration", "AgentLimits", "AgentLinks", "AgentMemory", "agent_schema"]
