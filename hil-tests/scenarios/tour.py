#!/usr/bin/env python3
"""The README's tours, typed as they stand there: every command does what it says, in less than ten minutes.

The blocks of shell lines under the two headings are run line by line, each in a copy of recipes and cells.
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

HEADINGS = ["## A tour in ten minutes", "## A tour for authors"]
TOUR_S = 600
# The build was done by another suite; `alias` is the PATH here.
NOT_TYPED = re.compile(r"^cargo build|^alias ")


def tour_lines(heading):
    text = (common.ROOT / "README.md").read_text()
    section = text.split(heading, 1)[1]
    block = re.search(r"```sh\n(.*?)```", section, re.S).group(1)
    lines = [line.split("   #")[0].strip() for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#") and not NOT_TYPED.match(line)]


def expected_to_fail(lines, n):
    """The verify that follows a change to the store is there to fail."""
    return "verify" in lines[n] and any("update events" in line for line in lines[:n])


def tour(checks, heading):
    folder = workdir("tour")
    for part in ("recipes", "cells"):
        shutil.copytree(common.ROOT / part, folder / part)
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    (bin_folder / "cellwright").symlink_to(common.PROGRAM)
    environment = os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    lines = tour_lines(heading)
    checks.check(f"{heading[3:]}: it has commands", len(lines) >= 6, str(lines))
    for n, line in enumerate(lines):
        ended = subprocess.run(["bash", "-o", "pipefail", "-c", line.replace("| head", "| sed -n 1,10p")], cwd=folder, env=environment,
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=300)
        want = 1 if expected_to_fail(lines, n) else 0
        checks.check(f"`{line}` ends with {want}", ended.returncode == want, f"{ended.returncode}: {common.short(ended.stdout[-200:] + ended.stderr[-400:])}")


def main():
    checks = Checks()
    began = time.monotonic()
    for heading in HEADINGS:
        tour(checks, heading)
    took = time.monotonic() - began
    checks.check(f"the tours took {took:.0f} s of their {TOUR_S}", took <= TOUR_S)
    checks.end()


if __name__ == "__main__":
    main()
