"""What suites with the twin in a process of its own share: a veth pair, a slower cell, a twin at one end.

They run in a network namespace of their own: hil-tests/run makes it.
"""

import json
import shutil
import subprocess

from common import ROOT, Started, until


def veth_pair(ours, theirs):
    """Two interfaces that are the ends of one wire, both up."""
    ip("link", "add", ours, "type", "veth", "peer", "name", theirs)
    for end in (ours, theirs):
        ip("link", "set", end, "up")


def ip(*args):
    subprocess.run(["ip", *args], check=True, timeout=10)


def slower_cell(folder):
    """The embedded cell with a cycle of 4 ms: a shared machine loses single replies at 1 ms."""
    cell = folder / "cell"
    shutil.copytree(ROOT / "cells/cannula-cell", cell)
    text = (cell / "cell.yaml").read_text()
    assert text.count("cycle: 1 ms") == 1
    (cell / "cell.yaml").write_text(text.replace("cycle: 1 ms", "cycle: 4 ms"))
    return cell


def start_twin(log, iface, *more):
    """A twin that answers on `iface`, and what it says of itself."""
    twin = Started(["twin", "--iface", iface, "--priority", 40, "--json", *more], log)
    if not until(lambda: '"twin"' in twin.stdout(), 20):
        raise RuntimeError(f"no twin: {twin.stdout()}{twin.stderr()}")
    return twin, json.loads(twin.stdout().splitlines()[0])["twin"]
