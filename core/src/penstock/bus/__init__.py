"""The bus: one hop from a source's ``send`` to each sink's ``write``, in batches."""
