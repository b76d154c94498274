"""The report as one LaTeX file that compiles by itself, with pdfLaTeX, XeLaTeX or LuaLaTeX, beside its figures/."""

import re
from collections.abc import Iterable

from topgraft.report.document import (
    Answers,
    Block,
    Document,
    Figures,
    Fold,
    Heading,
    Listing,
    Numbers,
    Points,
    Quote,
    Section,
    Table,
    Term,
    Terms,
    Text,
)
from topgraft.report.figures.drawing import Drawing
from topgraft.report.formats.tex_table import tex_table
from topgraft.report.words.text import TEX_OTHERS, sentence, tex, tex_lines

PAGE = "index.html"
FIT = r"width=\linewidth,height=0.5\textheight,keepaspectratio"
COLUMN_POINTS = 300
"""Figures wider than this many points stand alone in their line."""
PREAMBLE = r"""\documentclass[10pt,a4paper]{article}
\usepackage{iftex}
\ifPDFTeX
  \usepackage[T1]{fontenc}
  \usepackage[utf8]{inputenc}
  \usepackage{textcomp}
\else
  \usepackage{fontspec}
\fi
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[margin=25mm]{geometry}
\usepackage{array,booktabs,longtable,graphicx,caption}
\usepackage[hidelinks]{hyperref}
\captionsetup{font=small,labelfont=bf,justification=raggedright,singlelinecheck=false}
\setlength{\LTcapwidth}{\textwidth}
\setlength{\tabcolsep}{3pt}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.5\baselineskip plus 2pt}
\emergencystretch=3em
\newcommand{\source}[1]{{\footnotesize Source: \texttt{#1}.}}
"""


def latex(document: Document) -> str:
    """Return the whole report; its figures are the PDFs in figures/ beside it."""
    writer = _Writer(document)
    return (
        "% Made by topgraft. Compile it where it lies, twice for the contents: pdflatex -jobname=paper report.tex\n"
        f"{PREAMBLE}{TEX_OTHERS}\\pdfstringdefDisableCommands{{\\def\\uni#1#2{{#2}}}}\n"
        f"\\title{{{tex(document.title)}}}\n\\author{{{tex(document.kicker)}}}\n\\date{{}}\n"
        "\\begin{document}\n\\maketitle\n"
        + "\n\n".join([*writer.head(), *(writer.section(section) for section in document.sections)])
        + "\n\\end{document}\n"
    )


class _Writer:
    """Writes the parts of a document."""

    def __init__(self, document: Document) -> None:
        self.document, self.numbers = document, Numbers(document)

    def head(self) -> list[str]:
        """What was run, facts, notices, contents."""
        document = self.document
        facts = [rf"{tex(name)}: \textbf{{{tex(value)}}}" for name, value in document.facts]
        parts = [tex(document.lead), rf"\emph{{{tex(document.about)}}}" if document.about else ""]
        parts += [" \\quad\n".join(facts), *(_text(notice) for notice in document.notices), r"\tableofcontents"]
        return [part for part in parts if part]

    def section(self, section: Section) -> str:
        """A section with its title."""
        return "\n\n".join([rf"\section{{{tex(section.title)}}}", *self._blocks(section.blocks)])

    def _blocks(self, blocks: Iterable[Block]) -> list[str]:
        return [text for block in blocks if (text := self._block(block))]

    def _block(self, block: Block) -> str:
        match block:
            case Text():
                return _text(block)
            case Quote():
                return f"\\begin{{quote}}\\raggedright\n{tex(block.text)}\n\\end{{quote}}"
            case Points():
                items = "\n".join(rf"  \item {tex(text)}" for text in block.texts)
                return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}\n{_source(block.source)}"
            case Heading():
                return rf"\subsection{{{tex(block.title)}}}"
            case Table():
                return tex_table(block, self.numbers.table(block))
            case Terms():
                space = "\\setlength{\\parskip}{0pt}" if block.brief else ""
                return "\n\n".join([f"{{{space}", *map(_term, block.terms), f"}}{_source(block.source)}"])
            case Figures():
                return self._figures(block)
            case Listing():
                return _listing(block.text)
            case Answers():
                return _answers(block)
            case Fold():
                if block.printed:
                    return "\n\n".join([rf"\textbf{{{tex(block.title)}}}", *self._blocks(block.blocks)])
                return rf"{{\small {tex(block.title)}: in \texttt{{{PAGE}}}.}}"

    def _figures(self, block: Figures) -> str:
        drawn = [drawing for drawing in block.shown if drawing.pdf]
        return "\n".join(self._figure(drawing, block) for drawing in drawn)

    def _figure(self, drawing: Drawing, block: Figures) -> str:
        """A figure that stays where it is; two narrow ones share a line."""
        found = re.search(r'viewBox="0 0 ([\d.]+)', drawing.svg)
        wide = float(found.group(1)) > COLUMN_POINTS if found else True
        number = self.numbers.figure(drawing) or 1
        return (
            f"\\begin{{minipage}}[t]{{{'' if wide else '0.49'}\\linewidth}}\n"
            f"  \\includegraphics[{FIT}]{{figures/{drawing.name}.pdf}}\n"
            f"  \\setcounter{{figure}}{{{number - 1}}}\n"
            f"  \\captionof{{figure}}{{{tex(sentence(drawing.caption))} {_source(block.source)}}}\n"
            f"\\end{{minipage}}{'' if wide else chr(92) + 'hfill'}"
        )


def _source(text: str) -> str:
    return rf"\source{{{tex(text)}}}"


def _text(block: Text) -> str:
    lead = rf"\textbf{{{tex(block.lead)}}}" + " " * block.text.startswith(" ") if block.lead else ""
    said = lead + tex(block.text)
    if block.notice:
        return f"\\begin{{quote}}\n{said}\n\\end{{quote}}"
    return rf"{{\small {said}\par}}" if block.muted else said


def _term(term: Term) -> str:
    facts = ", ".join(rf"{tex(name)} \textbf{{{tex(value)}}}" for name, value in term.facts)
    warning = rf"\emph{{{tex(term.warning)}}}" if term.warning else ""
    said = ". ".join(part for part in (tex(term.text), facts, warning) if part)
    return rf"{{\small\hangindent=1.5em \textbf{{{tex(term.name)}}}: {said}\par}}"


def _listing(text: str) -> str:
    return f"{{\\ttfamily\\footnotesize\\raggedright\\setlength{{\\parskip}}{{0pt}}\n{tex_lines(text)}\n}}"


def _answers(block: Answers) -> str:
    tag = f" ({tex(block.tag)})" if block.tag else ""
    parts = [rf"\subsubsection*{{{tex(block.key)}{tag}}}"] if block.key else []
    if block.prompt:
        parts += [r"\textbf{Question}\nopagebreak", _listing(block.prompt)]
    for answer in block.answers:
        facts = tex(" · ".join([*answer.facts, *([answer.verdict] if answer.verdict else [])]))
        head = rf"\textbf{{{tex(answer.title)}}}" + (rf" {{\footnotesize ({facts})}}" if facts else "")
        parts.append(f"{head}\\nopagebreak\n\n{_prose(answer.text)}")
    if block.reference:
        parts.append(f"\\textbf{{Reference}}\\nopagebreak\n\n{_prose(block.reference)}")
    return "\n\n".join(parts)


def _prose(text: str) -> str:
    if not text.strip():
        return r"\emph{empty}"
    return f"{{\\small\\raggedright\\setlength{{\\parskip}}{{0pt}}\n{tex_lines(text)}\n}}"
