"""Benchmarks of Penstock against what else reads Docker's logs; see docs/benchmarks.md."""
