#!/usr/bin/env python3
"""The README's tour, typed as it stands there: every command does what it says, in less than its ten minutes.

The block of shell lines under "A tour in ten minutes" is run line by line in a copy of recipes and
cells.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, workdir

HEADING = "## A tour in ten minutes"
TOUR_S = 600
# The build was done by another suite; `alias` is the PATH here.
NOT_TYPED = re.compile(r"^cargo build|^alias ")


def tour_lines():
    text = (common.ROOT / "README.md").read_text()
    section = text.split(HEADING, 1)[1]
    block = re.search(r"```sh\n(.*?)```", section, re.S).group(1)
    lines = [line.split("   #")[0].strip() for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#") and not NOT_TYPED.match(line)]


def expected_to_fail(lines, n):
    """The verify that follows a change to the store is there to fail."""
    return "verify" in lines[n] and any("update events" in line for line in lines[:n])


def main():
    checks = Checks()
    folder = workdir("tour")
    for part in ("recipes", "cells"):
        shutil.copytree(common.ROOT / part, folder / part)
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    (bin_folder / "cellwright").symlink_to(common.PROGRAM)
    environment = os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    lines = tour_lines()
    checks.check("the tour has commands", len(lines) >= 6, str(lines))
    began = time.monotonic()
    for n, line in enumerate(lines):
        ended = subprocess.run(["bash", "-o", "pipefail", "-c", line.replace("| head", "| sed -n 1,10p")], cwd=folder, env=environment,
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=300)
        want = 1 if expected_to_fail(lines, n) else 0
        checks.check(f"`{line}` ends with {want}", ended.returncode == want, f"{ended.returncode}: {common.short(ended.stdout[-200:] + ended.stderr[-400:])}")
    took = time.monotonic() - began
    checks.check(f"the tour took {took:.0f} s of its {TOUR_S}", took <= TOUR_S)
    checks.end()


if __name__ == "__main__":
    main()
