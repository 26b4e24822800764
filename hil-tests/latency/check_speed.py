#!/usr/bin/env python3
"""How long `cellwright check` takes for recipes of 500 to 10,000 steps of a realistic mix, and what memory it needs.

The whole program is measured, from its start to its end, cell file included; the best of some runs counts, since the machines
that run this are shared. Figures are printed against their targets; four times a target fails, and so does memory a step that
grows with the number of steps.
"""

import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import PROGRAM, ROOT, Checks, cellwright, workdir

TARGETS_MS = {500: 50, 10_000: 1_500}
SLACK = 4
CHECK_S = 60
"""A check that has not ended by then hangs."""
SIZES = (500, 2_500, 10_000)
RUNS = {500: 9, 2_500: 5, 10_000: 3}
GROWTH_MAX = 1.3
"""Memory a step of the largest recipe against that of each smaller one: 1 is linear; lists grow by doubling."""

HEAD = """recipe: 1
id: generated
version: 1.0.0
cell: cannula-cell
specification: { id: DS-0142, revision: C }
params:
  depth: { default: 12.40 mm, min: 12.30 mm, max: 12.50 mm }
  force: { default: 70 .. 150 N }
components:
  hub: { part: HUB-23, identify: per-unit }
  cannula: { part: CAN-23, identify: per-lot, source: lane_2 }
invariants:
  - { id: air, check: air_ok, else: hold }
steps:
  - pick-place: { id: place-hub, station: load, robot: robot_l, from: hub_tray.next, to: nest, check: nest_hub_present, timeout: 8 s }
  - scan: { id: id-hub, component: hub, at: nest, timeout: 5 s, on_fail: reject }
  - use: { id: feed, recipe: feed-cannula@1, with: { lane: 2 } }
"""
TAIL = """  - unload: { id: to-tray, station: test, robot: robot_r, from: nest, to: good_tray.next, check: good_pocket_filled }
on_reject:
  - unload: { id: to-bin, robot: robot_r, from: unit.location, to: reject_bin, check: bin_drop }
"""
OPERATION = """recipe: 1
id: settle
version: 1.0.0
cell: cannula-cell
params:
  pressure: { default: 2 kPa, min: 1 kPa, max: 5 kPa }
components: []
steps:
  - wait: { id: calm, until: air_ok and leak_1 < $pressure, hold: 100 ms, timeout: 5 s }
  - check: { id: dry, station: test, that: nest_hub_present and not bin_drop }
"""
BLOCK_STEPS, BLOCK_PLACES = 10, 3
"""Steps of a block, and `parallel`, `repeat` and `use` in it, which count as steps of a recipe, too."""
FRAME_STEPS, FRAME_PLACES = 5, 1


def block(n):
    """Ten steps at two stations, with what an author writes in them."""
    return f"""  - press:
      id: press-{n}
      station: press
      check: nest_hub_present and nest_cannula_present
      axis: press_z
      force: load_cell
      zero: {{ within: 2 N }}                # outside: a fault, not a bad part
      approach: {{ to: 38.0 mm, velocity: 60 mm/s }}
      contact: {{ force: 5 N, between: 39.0 .. 41.5 mm }}
      press: {{ velocity: 2 mm/s, until: {{ depth: $depth }}, max_force: 180 N, dwell: 200 ms }}
      windows:
        - {{ depth: 10.0 .. 12.0 mm, force: 20 .. 140 N }}
      measure:
        seat_force: {{ of: force.at_end, limits: $force, spec: DS-0142/4.2, spc: true }}
  - check: {{ id: seated-{n}, station: press, that: press-{n}.seat_force > 75 N and nest_hub_present, on_fail: reject }}
  - parallel:
      id: both-{n}
      branches:
        look:
          - inspect: {{ id: tip-{n}, station: test, camera: cam_1, job: cannula-tip@4, measure: {{ burr: {{ limits: 0 .. 25 um, spec: DS-0142/7 }} }} }}
        person:
          - confirm: {{ id: look-{n}, station: test, prompt: No visible damage, answers: [ok, ng, cannot-judge] }}
  - leak-test:
      id: leak-{n}
      station: test
      channel: leak_1
      fill: {{ pressure: 50 kPa, within: 2 kPa, time: 1 s }}
      stabilise: 1 s
      test: 2 s
      measure:
        decay: {{ limits: -2 .. 12 Pa/s, spec: DS-0142/6.1, spc: true }}
      on_fail: {{ retry: 1, after: 10 s, then: reject }}
  - repeat: {{ id: dry-{n}, at_most: 3, until: leak_1 < 1 kPa, steps: [wait: {{ id: vent-{n}, until: leak_1 < 2 kPa or not air_ok, timeout: 3 s }}] }}
  - use: {{ id: settle-{n}, recipe: settle@1, with: {{ pressure: 3 kPa }} }}
  - move: {{ id: park-{n}, robot: robot_l, pose: home, speed: 50 % }}
  - wait: {{ id: calm-{n}, until: air_ok and (bin_closed or leak_1 < 2 kPa), hold: 100 ms, timeout: 3 s }}
"""


def recipe(folder, size):
    """A recipe of so many steps, filled up with short ones; its path, and how many of them its Plan has."""
    frame, of_block = FRAME_STEPS + FRAME_PLACES, BLOCK_STEPS + BLOCK_PLACES
    blocks, rest = divmod(size - frame, of_block)
    fill = "".join(f"  - check: {{ id: fill-{n}, that: air_ok }}\n" for n in range(rest))
    path = folder / f"generated-{size}.recipe.yaml"
    path.write_text(HEAD + "".join(block(n) for n in range(blocks)) + fill + TAIL)
    return path, FRAME_STEPS + blocks * BLOCK_STEPS + rest


def checked(path):
    """Seconds of one run, its exit code and what it said."""
    ended = cellwright("check", "--cell", "cells/cannula-cell", path, cwd=ROOT, timeout=CHECK_S)
    return ended.seconds, ended.code, ended.text


def most_memory(path):
    """KiB of the most memory of one run. The kernel's account at its end begins with what this script had when it forked, so the
    mark that only rises is read again and again until the program has ended."""
    most, end = 0, time.monotonic() + CHECK_S
    command = [PROGRAM, "check", "--cell", "cells/cannula-cell", path]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as process:
        while process.poll() is None:
            if time.monotonic() > end:
                process.kill()
                raise RuntimeError(f"check did not end within {CHECK_S} s")
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            most = max([most] + [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")])
    return most


def main():
    checks = Checks()
    folder = workdir("check-speed")
    (folder / "settle.recipe.yaml").write_text(OPERATION)
    (folder / "feed-cannula.recipe.yaml").write_text((ROOT / "recipes/cannula-hub/feed-cannula.recipe.yaml").read_text())
    empty, _ = recipe(folder, FRAME_STEPS + FRAME_PLACES)
    base = max(most_memory(empty) for _ in range(3))
    checks.note(f"the smallest recipe: {base} KiB")
    a_step = {}
    for size in SIZES:
        path, plan = recipe(folder, size)
        runs = [checked(path) for _ in range(RUNS[size])]
        if not checks.check(f"{size} steps are checked: {plan} in the Plan, no warnings",
                            all(code == 0 and f"{plan} steps, 0 warnings" in said for _, code, said in runs), runs[0][2][-800:]):
            continue
        ms = min(seconds for seconds, *_ in runs) * 1000
        kib = max(most_memory(path) for _ in range(3))
        a_step[size] = (kib - base) / size
        checks.note(f"{size} steps, {path.stat().st_size / 1024:.0f} KiB of text: {ms:.0f} ms, {kib} KiB, {a_step[size]:.2f} KiB a step")
        if target := TARGETS_MS.get(size):
            met = "met" if ms <= target else "missed"
            checks.check(f"{size} steps in {ms:.0f} ms: target {target} ms {met}, within {SLACK} times of it", ms <= SLACK * target,
                         f"{ms:.0f} ms")
    largest = max(SIZES)
    for size in a_step:
        if size != largest and largest in a_step:
            growth = a_step[largest] / a_step[size]
            checks.check(f"memory a step of {largest} steps is {growth:.2f} of that of {size}, at most {GROWTH_MAX}", growth <= GROWTH_MAX)
    checks.end()


if __name__ == "__main__":
    main()
