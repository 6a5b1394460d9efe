"""The state folder: one SQLite file under positions, buffers, dead letters and the ledger."""
