#!/usr/bin/env python3
"""What a person reads of a recipe: its graph, its changes by meaning, the report for its reviewer.

A graph can be read: no two boxes lie over each other, every text within its box, every step named once; over the
recipes that are shipped and over one of sixty steps with branches in branches. A change is told by field and value,
and nothing is told where only the spelling is another. The report is one file, and names in it stay text.
"""

import html.parser
import pathlib
import re
import shutil
import sys
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, cellwright, workdir

SVG = "{http://www.w3.org/2000/svg}"
NOTICE = "predicted from the plant model; not evidence of process capability"
# Width of a letter by its size, in the fonts that the picture names, on whole pixels.
LETTER = 7 / 11
RECIPE = "recipes/cannula-hub/cannula-hub.recipe.yaml"


class Box:
    def __init__(self, e):
        self.x, self.y = float(e.get("x")), float(e.get("y"))
        self.right, self.bottom = self.x + float(e.get("width")), self.y + float(e.get("height"))

    def over(self, other):
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom

    def has(self, x, y):
        return self.x <= x <= self.right and self.y <= y <= self.bottom


def step_ids(recipe):
    """Of a recipe file as it is written; those of sub-recipes behind the id of their `use`."""
    text = pathlib.Path(recipe).read_text()
    ids, prefix = [], []
    for line in text.splitlines():
        line = line.split(" #")[0].rstrip()
        if use := re.search(r"- use: \{ id: ([\w.-]+), recipe: ([\w.-]+)@", line):
            below = step_ids(pathlib.Path(recipe).parent / f"{use[2]}.recipe.yaml")
            ids += [f"{use[1]}/{step}" for step in below]
        elif step := re.search(r"- [a-z-]+: \{ id: ([\w.-]+)", line):
            ids.append(step[1])
        elif kind := re.match(r" +- ([a-z-]+):$", line):
            prefix = [kind[1]]
        elif (own := re.match(r" +id: ([\w.-]+)$", line)) and prefix:
            if prefix.pop() not in ("parallel", "repeat"):
                ids.append(own[1])
    return ids


def check_graph(checks, name, path, ids):
    root = xml.etree.ElementTree.parse(path).getroot()
    page = Box({"x": "0", "y": "0", "width": root.get("width"), "height": root.get("height")})
    solid = [e for e in root.iter(f"{SVG}rect") if "%" not in e.get("width") and e.get("fill") != "#f6f8fb"]
    boxes = [Box(e) for e in solid]
    over = [(a, b) for n, a in enumerate(boxes) for b in boxes[n + 1:] if a.over(b)]
    checks.equal(f"{name}: no two of {len(boxes)} boxes lie over each other", len(over), 0)
    checks.check(f"{name}: a box for each step, and where the unit begins and ends", len(boxes) == len(ids) + 4, f"{len(boxes)} for {len(ids)}")
    outside = []
    for e in root.iter(f"{SVG}text"):
        x, y, size = float(e.get("x")), float(e.get("y")), float(e.get("font-size"))
        width = len(e.text) * size * LETTER
        left = x - width / 2 if e.get("text-anchor") == "middle" else x
        holder = next((b for b in boxes if b.has(x, y)), page)
        if not (holder.has(left, y - size * 0.8) and holder.has(left + width, y)):
            outside.append(e.text)
    checks.equal(f"{name}: every text is within its box", outside, [])
    texts = [e.text for e in root.iter(f"{SVG}text") if e.get("font-weight") == "bold"]
    checks.equal(f"{name}: every step is named once", sorted(texts[1:]), sorted(ids))
    return [e.text for e in root.iter(f"{SVG}text")]


def shipped():
    """Recipes with the cells they are for; sub-recipes are drawn in those that use them."""
    for recipe in sorted((common.ROOT / "recipes").glob("*/*.recipe.yaml")):
        text = recipe.read_text()
        if not re.search(r"^components: \[", text, re.M):
            yield recipe, common.ROOT / "cells" / re.search(r"^cell: (\S+)", text, re.M)[1]


def sixty(folder):
    """The shipped recipe with branches in branches behind its loading, sixty steps in all."""
    lines, n = [], 0

    def waits(indent, count):
        nonlocal n
        for _ in range(count):
            n += 1
            lines.append(" " * indent + f"- wait: {{ id: wait-{n}, until: air_ok, timeout: 1 s }}")

    lines += ["  - parallel:", "      id: outer", "      branches:", "        left:"]
    waits(10, 4)
    lines += ["          - parallel:", "              id: inner", "              branches:", "                one:"]
    waits(18, 5)
    lines += ["                two:"]
    waits(18, 2)
    lines += ["                three:"]
    waits(18, 3)
    waits(10, 1)
    lines += ["        right:"]
    waits(10, 9)
    base = (common.ROOT / RECIPE).read_text()
    waits(2, 60 - n - len(step_ids(common.ROOT / RECIPE)))
    before = "  - press:\n"
    path = folder / "sixty.recipe.yaml"
    path.write_text(base.replace(before, "\n".join(lines) + "\n" + before, 1))
    shutil.copy(common.ROOT / "recipes/cannula-hub/feed-cannula.recipe.yaml", folder)
    return path


def check_graphs(checks, folder):
    for recipe, cell in shipped():
        out = folder / "graph.svg"
        ended = cellwright("graph", recipe, "--cell", cell, "--out", out)
        if checks.equal(f"graph of {recipe.name} ends with 0", ended.code, 0):
            check_graph(checks, recipe.name, out, step_ids(recipe))
    ended = cellwright("graph", "--variant", "25g", "--out", folder / "25g.svg")
    checks.equal("a variant is drawn", ended.code, 0)
    words = check_graph(checks, "25g", folder / "25g.svg", step_ids(common.ROOT / RECIPE))
    for said in ("seat_force 60 .. 130 N, DS-0142/4.2", "bad part: retry 1 after 10 s, then reject", "parallel load", "branch hub",
                 "all the time air: air_ok, else hold", "cannula-hub 3.2.0, variant 25g on cannula-cell"):
        checks.check(f"it says `{said}`", said in words)
    recipe = sixty(folder)
    ids = step_ids(recipe)
    checks.equal("the generated recipe has sixty steps", len(ids), 60)
    ended = cellwright("graph", recipe, "--out", folder / "sixty.svg")
    if checks.equal("its graph ends with 0", ended.code, 0):
        check_graph(checks, "sixty steps", folder / "sixty.svg", ids)
    on_screen = cellwright("graph")
    checks.check("without --out it goes to standard output", on_screen.code == 0 and on_screen.out.startswith("<svg "))
    bad = cellwright("graph", "--variant", "26g", "--out", folder / "26g.svg")
    checks.check("an unknown variant is refused, and nothing is written", bad.code == 1 and "R0317" in bad.err and not (folder / "26g.svg").exists())


def versions(folder, *edits):
    """A copy of the shipped recipe with edits (old, new), each of which is there once."""
    copy = folder / f"version-{len(list(folder.glob('version-*')))}"
    shutil.copytree(common.ROOT / "recipes/cannula-hub", copy)
    path = copy / "cannula-hub.recipe.yaml"
    for old, new in edits:
        target = copy / "feed-cannula.recipe.yaml" if old not in path.read_text() else path
        text = target.read_text()
        assert text.count(old) == 1, (old, text.count(old))
        target.write_text(text.replace(old, new))
    return path


def diff(old, new, *args):
    return cellwright("approve", new, "--cell", common.ROOT / "cells/cannula-cell", "--diff", old, *args)


def check_diff(checks, folder):
    old = versions(folder)
    words = versions(folder, ("velocity: 2 mm/s,", "velocity: 120 mm/min,"), ("# depth counts from here", ""),
                     ("timeout: 5 s, on_fail: reject", "on_fail: reject, timeout: 5000 ms"), ("stabilise: 1 s", "stabilise: 1000 ms"))
    told = diff(old, words, "--json")
    checks.equal("other spelling, order and comments: no change, the same in every row", (told.code, told.json()["changes"], {r["compiled"] for r in told.json()["rows"]}), (0, [], {"the same"}))
    new = versions(folder, ("version: 3.2.0", "version: 3.3.0"), ("default: 12.40 mm", "default: 12.42 mm"), ("seat_force:  { default: 70 .. 150 N }", "seat_force:  { default: 75 .. 150 N }"),
                   ("stabilise: 1 s", "stabilise: 1.5 s"), ("timeout: 5 s, on_fail: reject", "timeout: 6 s, on_fail: reject"),
                   ("  - confirm: { id: look, station: test, prompt: No visible damage, answers: [ok, ng, cannot-judge] }\n", ""),
                   ("  - inspect: {", "  - check: { id: dry, that: air_ok }\n  - inspect: {"), ("timeout: 10 s }", "timeout: 12 s }"))
    told = diff(old, new, "--json")
    checks.equal("the changed version ends with 0", told.code, 0)
    changes = {(c["section"], c["change"], c["path"], c["from"], c["to"]) for c in told.json()["changes"]}
    expected = {
        ("version", "changed", "version", "3.2.0", "3.3.0"),
        ("params", "changed", "params.seat_depth.default", "12.4 mm", "12.42 mm"),
        ("params", "changed", "params.seat_force.default", "70 .. 150 N", "75 .. 150 N"),
        ("steps", "changed", "leak.stabilise", "1 s", "1.5 s"),
        ("steps", "changed", "id-hub.timeout", "5 s", "6 s"),
        ("steps", "removed", "look", "confirm { answers: [ok, ng, cannot-judge], prompt: No visible damage, station: test }", None),
        ("steps", "added", "dry", None, "behind leak in steps, check { that: air_ok }"),
        ("feed-cannula: steps", "changed", "push.timeout", "10 s", "12 s"),
        ("limits", "changed", "defaults: press-cannula/seat_force", "70 .. 150 N, warn 80 .. 140 N, DS-0142/4.2", "75 .. 150 N, warn 80 .. 140 N, DS-0142/4.2"),
    }
    checks.equal("exactly these changes", sorted(changes, key=str), sorted(expected, key=str))
    checks.equal("compiled, every row is another", {r["compiled"] for r in told.json()["rows"]}, {"another"})
    text = diff(old, new)
    checks.check("as text too", all(w in text.out for w in ("cannula-hub 3.2.0 → cannula-hub 3.3.0", "params.seat_depth.default: 12.4 mm → 12.42 mm")), text.out)
    look = next(line for line in old.read_text().splitlines(keepends=True) if "id: look" in line)
    moved = versions(folder, (look, ""), ("  - inspect: {", look + "  - inspect: {"))
    told = diff(old, moved, "--json")
    checks.equal("a step that moved, and nothing else", [(c["change"], c["path"], c["from"], c["to"]) for c in told.json()["changes"]],
                 [("moved", "look", "behind tip in steps", "behind leak in steps")])
    elsewhere = versions(folder, ("cell: cannula-cell\nspecification", "cell: another-cell\nspecification"))
    told = diff(elsewhere, old)
    checks.check("a version for another cell is compared by its text", told.code == 0 and "cell: another-cell → cannula-cell" in told.out and "not compared" in told.out, told.text[-500:])
    broken = versions(folder, ("id: leak\n", "id: [leak\n"))
    told = diff(broken, old)
    checks.check("what is no YAML is refused with its place", told.code == 1 and "R0005" in told.err, told.text[-500:])


class Page(html.parser.HTMLParser):
    """Text, tags that are open at the end, and whatever would be fetched."""

    def __init__(self, text):
        super().__init__()
        self.words, self.open, self.fetched, self.tags = [], [], [], set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.words.append(f"</{tag}> without its beginning")

    def handle_data(self, data):
        self.words.append(data)


def check_report(checks, folder):
    cell = common.ROOT / "cells/cannula-cell"
    hostile = versions(folder, ("prompt: No visible damage", "prompt: 'No <script>alert(1)</script> & \"damage\"'"))
    out = folder / "report.html"
    ended = cellwright("approve", hostile, "--cell", cell, "--report", out, "--diff", versions(folder), "--units", 8, timeout=300)
    if not checks.equal("the report ends with 0", ended.code, 0):
        print(ended.text[-1500:])
        return
    text = out.read_text()
    page = Page(text)
    words = " ".join(page.words)
    checks.check("it is whole: every tag has its end", not page.open and "without its beginning" not in words, str(page.open))
    checks.check("it needs no other file, and runs nothing", page.fetched == [] and "script" not in page.tags, str(page.fetched))
    checks.check("a name with markup stays text", "No <script>alert(1)</script> & \"damage\"" in words)
    checks.check("the graph is in it", "svg" in page.tags and "parallel load" in words)
    checks.check("the notice is in it", NOTICE in words)
    state = cellwright("approve", hostile, "--cell", cell, "--json").json()["subjects"][0]["content"]
    hashes = [state["hash"], state["cell_hash"], *(p["hash"] for p in state["plans"]), *(f["sha256"] for f in state["files"])]
    checks.check(f"{len(hashes)} hashes, as they would be signed", all(h in words for h in hashes), str(hashes))
    for said in ("DS-0142/4.2", "70 .. 150 N", "60 .. 130 N", "12.3 mm", "12.5 mm", "25g", "DS-0142 revision C", "CAN-25",
                 "look.prompt: No visible damage", "leak/decay", "8 units of seed 2"):
        checks.check(f"it says `{said}`", said in words)
    refused = cellwright("approve", hostile, "--cell", cell, "--report", out, "--act", "submit", "--person", "a", "--key", "k")
    checks.equal("it is not signed and reported in one go", refused.code, 2)
    gone = cellwright("approve", folder / "none.yaml", "--cell", cell, "--report", folder / "none.html")
    checks.check("of nothing there is no report", gone.code == 1 and not (folder / "none.html").exists())


def main():
    checks = Checks()
    folder = workdir("review")
    check_graphs(checks, folder)
    check_diff(checks, folder)
    check_report(checks, folder)
    checks.end()


if __name__ == "__main__":
    main()
