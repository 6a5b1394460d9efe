"""Watches that plugins keep to their part: who blocks the loop, and who leaves tasks behind."""
