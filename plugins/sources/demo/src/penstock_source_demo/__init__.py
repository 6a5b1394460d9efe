"""Penstock source: made-up containers for a first run and for benchmarks."""
