"""Decides what matters: alerts, notifications, destinations."""
