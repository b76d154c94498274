"""Section "On other data": what the arms reach on prompts that are not the run's own."""

from dataclasses import replace

from topgraft.report.document import Block, Heading, Section, Text
from topgraft.report.parts.results import headline_table
from topgraft.report.parts.separation import by_pair
from topgraft.report.words.tables import headline
from topgraft.report.words.text import tidy
from topgraft.runs import RunFolder


def elsewhere_section(run: RunFolder) -> Section | None:
    """A table for each file of other prompts; None where there is none."""
    blocks: list[Block] = []
    for folder in run.elsewheres():
        results = tidy(folder.results())
        table = headline(results)
        if not table.rows:
            continue
        name, source = folder.path.name, str(results.get("source") or "")
        file = f"elsewhere/{name}/evaluation/results.json"
        shown = replace(headline_table(table, file), name=f"Results on {name}", prominent=False)
        blocks += [Heading(title=name, anchor=f"elsewhere-{name}"), Text(text=f"The prompts of {source}."), shown]
        blocks += [Text(text=line, muted=True) for line in by_pair(results)]
    if not blocks:
        return None
    about = Text(
        text="The arms answered prompts that they were neither trained nor chosen on, and that may be of another kind. "
        "Figures that need a reference answer are left out where the data have none."
    )
    return Section(anchor="elsewhere", title="On other data", blocks=[about, *blocks])
