"""Delivery's books: receipts, positions, the ledger, backoff and dead letters."""
