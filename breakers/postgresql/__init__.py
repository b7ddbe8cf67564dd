"""Django's PostgreSQL backend, with an end to waiting: a server that is frozen keeps its connections and never answers."""
