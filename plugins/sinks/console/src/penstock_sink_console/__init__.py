"""Penstock sink: the console."""
