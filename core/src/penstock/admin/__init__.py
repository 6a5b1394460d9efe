"""Seen from outside: the control socket, metrics and health, dead letters."""
