"""A trained policy as a folder of the libraries' own layout, which counts once the libraries alone read it rightly.

from topgraft.train.exporting.steps import export
export(run, "ppo", out=Path("exported"), merge=True, dtype="auto", sets=[], screen=Screen())
"""
