"""Imports every module of problem families, which registers them."""

import tools.corpus.code.dicts
import tools.corpus.code.flow
import tools.corpus.code.lists
import tools.corpus.code.numbers
import tools.corpus.code.numlists
import tools.corpus.code.strings
import tools.corpus.code.tables
import tools.corpus.code.texts
import tools.corpus.code.words  # noqa: F401
