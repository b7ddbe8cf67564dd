"""Destinations: one file a kind, and what they share.

A kind has `compose(notice) → bytes`, what is stored and sent byte for byte, and `send(target, message) → Receipt`.
"""
