"""Scripts that make what topgraft ships: the data's verifier, the corpus, the tiny model."""
