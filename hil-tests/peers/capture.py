#!/usr/bin/env python3
"""tshark, which shares no code with the project, reads the frames of a whole run.

Acceptance: every frame decodes as EtherCAT, none is malformed, and LRW with working counters and CoE
mailbox traffic are among them.
"""

import collections
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import Checks, cellwright, workdir

LRW = "0x0c"
UNITS = 2
# LRW over the embedded segment: each SubDevice with outputs adds 2, each with inputs adds 1. Four
# drives (both ways), 16 digital outputs, twice 16 digital inputs, the analog input.
LRW_WKC = 4 * 3 + 2 + 2 * 1 + 1


def tshark(*args, timeout=300):
    ended = subprocess.run(["tshark", *map(str, args)], capture_output=True, text=True, timeout=timeout)
    return ended.stdout, ended.stderr, ended.returncode


def count(capture, display_filter):
    out, err, code = tshark("-r", capture, "-Y", display_filter, "-T", "fields", "-e", "frame.number")
    if code != 0:
        raise RuntimeError(f"tshark -Y {display_filter!r}: {err.strip()}")
    return len(out.splitlines())


def main():
    checks = Checks()
    folder = workdir("capture")
    capture = folder / "f.pcapng"
    run = cellwright("run", "--units", UNITS, "--capture", capture, "--state", folder / "state", cwd=folder, timeout=240)
    if not checks.equal("the run ends with 0", run.code, 0):
        print(run.text[-2000:])
        checks.end()
    size = capture.stat().st_size
    rows, err, code = tshark("-r", capture, "-T", "fields", "-e", "frame.protocols", "-e", "eth.type", "-e", "ecat.cmd",
                             "-e", "ecat.cnt", "-e", "eth.src", "-E", "occurrence=a", "-E", "separator=|")
    checks.equal("tshark reads the file to its end", (code, "cut short" in err, "damaged" in err), (0, False, False))
    frames = [row.split("|") for row in rows.splitlines()]
    checks.note(f"{len(frames)} frames, {size / 1e6:.1f} MB")
    checks.check("the file holds both directions of thousands of cycles", len(frames) > 10_000, str(len(frames)))
    others = collections.Counter(protocols for protocols, *_ in frames if "ecat" not in protocols.split(":"))
    checks.check("every frame decodes as EtherCAT", not others, str(others))
    ether_types = collections.Counter(f[1] for f in frames)
    checks.equal("every EtherType is 0x88a4", set(ether_types), {"0x88a4"})
    checks.equal("frames that tshark calls malformed", count(capture, "_ws.malformed"), 0)
    checks.equal("errors that tshark's experts find", count(capture, "_ws.expert.severity == error"), 0)
    check_lrw(checks, frames)
    checks.check("CoE mailbox frames are among them", count(capture, "ecat_mailbox.coe") > 10)
    checks.check("SDO uploads or downloads are among them", count(capture, "ecat_mailbox.coe.sdoidx") > 0)
    capinfos = subprocess.run(["capinfos", "-Tm", capture], capture_output=True, text=True)
    checks.equal("capinfos reads its statistics", capinfos.returncode, 0)
    checks.end()


def check_lrw(checks, frames):
    """Working counters of LRW datagrams by direction: out they are 0, back they are complete."""
    counters = {"sent": collections.Counter(), "returned": collections.Counter()}
    for _, _, commands, values, source in frames:
        for command, value in zip(commands.split(","), values.split(",")):
            if command.lower() in (LRW, "0xc", "12"):
                returned = int(source[:2], 16) & 0x02
                counters["returned" if returned else "sent"][int(value, 0)] += 1
    sent, returned = counters["sent"], counters["returned"]
    checks.check("LRW datagrams go out with working counter 0", sent[0] > 10_000 // 4 and set(sent) == {0}, str(sent))
    complete, total = returned[LRW_WKC], sum(returned.values())
    checks.check(f"LRW datagrams come back, {complete} of {total} with working counter {LRW_WKC}",
                 total > 0 and complete >= 0.99 * total, str(returned))
    short_ones = {value for value in returned if value > LRW_WKC}
    checks.check("no working counter is above the complete one", not short_ones, str(short_ones))


if __name__ == "__main__":
    main()
