"""The numbers and records of a run in words and cells: what tables, figures and sentences are made of."""
