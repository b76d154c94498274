"""Data: reading rows, splitting them by group, chat templates, tokens and batches."""
