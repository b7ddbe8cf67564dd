"""Shows what happened, and wires the three apps together."""
