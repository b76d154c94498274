"""What can be said about a program: its lines, names and expressions, as slots for sentence patterns."""

import random
import re

from tools.corpus.code.engine import Sample, article, show, show_input


def spot_of(sample: Sample) -> str:
    """The line of the program where it departs from the correct one, or the line after a missing one."""
    new, old = sample.body.split("\n"), sample.source.split("\n")
    for i, line in enumerate(new):
        if i >= len(old) or line != old[i]:
            return line.strip()
    return new[-1].strip()


def loop_facts(lines: list[str], facts: dict[str, str]) -> None:
    """Slots about loops, the accumulator and what happens inside."""
    loops = [i for i, x in enumerate(lines) if x.lstrip().startswith(("for ", "while "))]
    for i, line in enumerate(lines):
        match = re.fullmatch(r"    (\w+) = (-?\d+|\[\]|''|\{\}|None|True|False)", line)
        if match and loops and i < loops[0]:
            facts["acc"], facts["val"] = match.groups()
        match = re.fullmatch(r"\s+for (\w+) in (\w+):", line)
        if match:
            facts["item"], facts["seq"] = match.groups()
        match = re.search(r"for (\w+) in (range\(.+\)):", line)
        if match:
            facts["count_var"], facts["rng"] = match.groups()
            if re.match(r"range\([1-9]\w*,", facts["rng"]):
                facts["skip_rng"] = facts["rng"]
        match = re.fullmatch(r"\s+while (.+):", line)
        if match:
            facts["cond_while"] = match.group(1)
        inside = loops and i > loops[0] and line.startswith("        ")
        match = re.fullmatch(r"\s+(\w+) ([+*-]|//)= (.+)", line)
        if match and inside:
            facts["upd"], facts["upd_var"] = line.strip(), match.group(1)
        match = re.fullmatch(r"\s+(\w+)\.append\((.+)\)", line)
        if match and inside:
            facts["app"], facts["app_list"] = line.strip(), match.group(1)
        if inside and line.strip().startswith("return "):
            facts["early"] = line.strip()
        if loops:
            facts["loop"] = lines[loops[0]].strip().rstrip(":")


def line_facts(lines: list[str], facts: dict[str, str]) -> None:
    """Slots about conditions, indexes, calls and the return statement."""
    for line in lines:
        match = re.fullmatch(r"\s+if (.+):", line)
        if match:
            facts.setdefault("cond", match.group(1))
        match = re.fullmatch(r"\s+elif (.+):", line)
        if match:
            facts["elif_cond"] = match.group(1)
        if line.strip() == "else:":
            facts["has_else"] = "else"
        for key, pattern in (
            ("idx", r"\b[a-z_]+\[[^\]:\[]+\]"),
            ("cut", r"\b[a-z_]+\[[^\]\[]*:[^\]\[]*\]"),
            ("mod", r"\b\w+ % \w+"),
        ):
            match = re.search(pattern, line)
            if match and "'" not in match.group():
                facts[key] = match.group()
        match = re.search(
            r"\.(lower|upper|strip|split|join|get|startswith|endswith|isdigit|isalpha|isupper|sort|insert|items|values|swapcase|title|replace|reverse)\(",
            line,
        )
        if match:
            facts["method"] = match.group(1)
        match = re.search(r"\b(sum|max|min|sorted|any|all|abs|zip|enumerate|set|round|reversed)\(", line)
        if match and "print" not in line:
            facts["builtin"] = match.group(1)
        if re.search(r"[\[({].+ for \w+(, \w+)? in ", line):
            facts["comp"] = line.strip().removeprefix("return ")
        if "print(" in line:
            facts["prt"] = line.strip()
    match = re.fullmatch(r"    return (.+)", lines[-1])
    if match and len(match.group(1)) < 46:
        facts["ret"] = match.group(1)
    if not any("return " in x for x in lines):
        facts["no_ret"] = "return"


def facts_of(rng: random.Random, sample: Sample) -> dict[str, str]:
    """All slots that hold for the sample; values are text, and a slot is missing where it does not apply."""
    task, lines = sample.task, sample.body.split("\n")
    facts = {
        "name": task.name,
        "goal": task.goal,
        "args": task.args,
        "note": sample.note,
        "call": f"{task.name}({task.args})",
    }
    loop_facts(lines, facts)
    line_facts(lines, facts)
    plain = [x.strip() for x in lines if len(x.strip()) < 48 and x.strip() != "else:"]
    if plain:
        facts["line"] = rng.choice(plain).rstrip(":")
    names = [a.strip() for a in task.args.split(",")]
    facts["arg"] = names[0]
    if len(names) > 1:
        facts["arg2"] = names[1]
    first = task.tests[0][0]
    kind = {list: "a_list", str: "a_text", dict: "a_dict", int: "a_num"}.get(type(first))
    if kind and not re.search(r"positive|empty|shorter", task.goal):
        facts[kind] = names[0]
    if re.search(rf"\b{names[0]}\b", facts.get("cond", "")):
        facts["cond_arg"] = facts["cond"]
    fine = [
        (a, w[1]) for a, w in zip(task.tests, sample.want, strict=True) if len(repr(a)) < 36 and len(show(w[1])) < 36
    ]
    if sample.failure is None:
        if fine:
            args, value = rng.choice(fine)
            facts["ok_in"], facts["ok_out"] = show_input(rng, task, args), show(value)
        return facts
    failure = sample.failure
    facts["given"], facts["right"] = failure.given, show(failure.right)
    if failure.got[0] == "error":
        facts["err"] = article(str(failure.got[1]))
    elif failure.got[1] is None and "no_ret" in facts:
        facts["none"] = "None"
    else:
        facts["got"] = show(failure.got[1])
    spot = spot_of(sample)
    facts["changed"] = spot
    if len(spot) < 48 and spot != "else:":
        facts["spot"] = spot.rstrip(":")
    return facts
