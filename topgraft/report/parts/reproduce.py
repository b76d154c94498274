"""Reproduce: the command, the settings, the environment, and a sentence to cite the run by."""

from topgraft.report.document import Block, Fold, Listing, Quote, Section, Term, Terms, Text
from topgraft.report.reading import Reading
from topgraft.report.words import story


def reproduce_section(reading: Reading) -> Section:
    """Everything that fixes the run."""
    blocks: list[Block] = []
    command = story.command(reading.provenance)
    if command:
        blocks += [Text(text="The command of this run:"), Listing(text=command)]
    blocks += [
        Text(text="To cite the run, name what fixes it:"),
        Quote(text=story.citation(reading.recipe, reading.provenance)),
    ]
    if reading.settings:
        how = "These settings, saved as recipe.toml, are a recipe: topgraft run recipe.toml --out DIR runs them again."
        settings = Fold(title="Settings (recipe.toml)", blocks=[Listing(text=reading.settings)], printed=True)
        blocks += [Text(text=how), settings]
    recorded = story.flat({key: value for key, value in reading.provenance.items() if key != "command"})
    if recorded:
        terms = [Term(name=name, text=value) for name, value in recorded]
        provenance = Terms(terms=terms, source="provenance.json", brief=True)
        blocks.append(Fold(title="Provenance (provenance.json)", blocks=[provenance], printed=True))
    else:
        blocks.append(Text(text="The run has no provenance yet.", muted=True))
    return Section(anchor="reproduce", title="Reproduce", blocks=blocks)
