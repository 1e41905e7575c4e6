"""How a Pydantic AI run is held to a constitution: what its messages are for the gate, and where the gate stands."""
