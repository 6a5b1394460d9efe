"""Penstock source: the output of every container, from a Docker socket."""
