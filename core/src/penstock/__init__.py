"""Penstock: a log router that delivers every event, or says which one was not, and why."""
