"""The kernel under load and under faults: sent = delivered + accounted for, always."""
