"""Penstock transform: keeps and drops events by rule."""
