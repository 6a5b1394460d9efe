"""Penstock transform: fills in the name of the host."""
