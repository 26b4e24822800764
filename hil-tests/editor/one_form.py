"""`cellwright fmt` over files: what it says, what it ends with, what it writes and what it leaves alone."""

import pathlib
import shutil
import stat
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from common import ROOT, Checks, cellwright, workdir

PATTERNS = ["recipes/*/*.recipe.yaml", "recipes/*/*.order.yaml", "cells/*/cell.yaml", "cells/*/plant.yaml",
            "recipes/*/*.test.yaml", "hil-tests/*/*.recipe.yaml", "hil-tests/*/*.faults.yaml", "hil-tests/*/*.scenario.yaml"]
SHIPPED = [path for pattern in PATTERNS for path in sorted(ROOT.glob(pattern))]


def main():
    checks = Checks()
    ended = cellwright("fmt", "--check", *SHIPPED)
    checks.equal(f"the {len(SHIPPED)} shipped files are in their form", (ended.code, ended.text), (0, ""))

    folder = workdir("one-form")
    for path in (ROOT / "recipes" / "cannula-hub").glob("*.yaml"):
        shutil.copy(path, folder)
    recipe = folder / "cannula-hub.recipe.yaml"
    right = recipe.read_text()
    untidy = right.replace("snug: 0.10 N·m", "snug:   0.10Nm").replace("      axis: press_z", "      axis:   press_z")
    recipe.write_text(untidy)
    recipe.chmod(0o640)
    before = sorted(p.name for p in folder.iterdir())

    ended = cellwright("fmt", "--check", recipe, folder / "demo.order.yaml")
    checks.check("--check ends with 1 and names the file", ended.code == 1 and ended.out.count("\n") == 1
                 and recipe.name in ended.out, ended.text)
    checks.equal("and writes nothing", recipe.read_text(), untidy)
    held = cellwright("check", recipe)
    checks.equal("fmt ends with 0", cellwright("fmt", recipe).code, 0)
    checks.equal("and gives the one form", recipe.read_text(), right)
    checks.equal("with the file's permissions", stat.S_IMODE(recipe.stat().st_mode), 0o640)
    checks.equal("and nothing beside it", sorted(p.name for p in folder.iterdir()), before)
    checks.equal("what held holds as before", (held.code, cellwright("check", recipe).out), (0, held.out))
    checks.equal("a second time nothing is said", cellwright("fmt", recipe).text, "")

    link = folder / "linked.recipe.yaml"
    link.symlink_to(recipe.name)
    recipe.write_text(untidy)
    checks.equal("behind a link", (cellwright("fmt", link).code, link.is_symlink(), recipe.read_text()), (0, True, right))

    broken = right.replace("zero: { within: 2 N }", "zero: { within: 2 N ]")
    recipe.write_text(broken)
    ended = cellwright("fmt", recipe, folder / "feed-cannula.recipe.yaml")
    checks.check("what cannot be read is told with its code", ended.code == 1 and "R0005" in ended.err, ended.text)
    checks.equal("and left alone", recipe.read_text(), broken)
    ended = cellwright("fmt", folder / "notes.txt")
    checks.check("a name that is not known is wrong use", ended.code == 2 and "*.recipe.yaml" in ended.err, ended.text)
    ended = cellwright("fmt", folder / "none.recipe.yaml")
    checks.check("a file that is not there is told", ended.code == 1 and "none.recipe.yaml" in ended.err, ended.text)
    checks.end()


if __name__ == "__main__":
    main()
