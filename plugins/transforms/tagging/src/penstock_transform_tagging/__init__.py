"""Penstock transform: adds and removes tags."""
