"""Knows what happened: services, breakers, events, commands."""
