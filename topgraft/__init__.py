"""topgraft: align a language model from one recipe file, every token through the frozen trunk once."""

__version__ = "0.1.0"
