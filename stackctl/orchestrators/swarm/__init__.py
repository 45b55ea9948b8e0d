"""Docker Swarm as the stack's orchestrator: several machines, of which a manager has SillyTavern's data."""
