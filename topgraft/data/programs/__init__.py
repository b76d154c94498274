"""Students' programs run on the tests of their problem, each in a process of its own, to know which are right."""
