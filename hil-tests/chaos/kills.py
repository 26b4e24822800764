#!/usr/bin/env python3
"""kill -9 at random moments: 20 times the controller, 10 times a separate recorder, in one scripted run.

    kills.py [--seed N] [--controller N] [--recorder N]

Acceptance: at the end every event line that `run --json` printed and every sample that an outside
subscriber received is in the store exactly once with the same hash; the chain is whole; every unit is
good, ng or interrupted. The moments follow from the seed; only processes started here are killed.
"""

import argparse
import collections
import json
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "peers"))
import common
from common import Checks, Started, cellwright, free_port, until, workdir
from live import received, subscriber

# A life of the controller: start-up, homing and a good part of a unit lie within it. Short lives
# are more frequent: start-up and recovery are where a kill hurts.
LIFE_S = ((0.1, 1.5), (1.5, 6.0), (4.0, 16.0))
LIFE_WEIGHTS = (3, 3, 4)
RECORDER_AWAY_S = (0.0, 3.0)
DRAINED_WITHIN_S = 60


class Scene:
    """The processes of the scripted run and where they leave their traces."""

    def __init__(self, folder, seed):
        self.folder, self.random, self.seed = folder, random.Random(seed), seed
        self.endpoint = f"tcp/127.0.0.1:{free_port()}"
        self.state, self.store = folder / "state", folder / "record" / "dhr.db"
        self.store.parent.mkdir()
        self.runs, self.recorders = [], []

    def start_controller(self, units=1000):
        args = ["run", "--json", "--units", units, "--seed", self.seed, "--state", self.state, "--no-recorder",
                "--listen", self.endpoint]
        self.runs.append(Started(args, self.folder / f"run-{len(self.runs)}", cwd=self.folder))
        return self.runs[-1]

    def start_recorder(self):
        args = ["record", "--connect", self.endpoint, "--store", self.store]
        self.recorders.append(Started(args, self.folder / f"record-{len(self.recorders)}", cwd=self.folder))
        return self.recorders[-1]

    def lives(self, controller_kills, recorder_kills):
        """For each life of the controller: how long it lasts, and whether the recorder dies in it and when."""
        with_recorder = set(self.random.sample(range(controller_kills), min(recorder_kills, controller_kills)))
        for n in range(controller_kills):
            low, high = self.random.choices(LIFE_S, LIFE_WEIGHTS)[0]
            life = self.random.uniform(low, high)
            yield life, self.random.uniform(0, life) if n in with_recorder else None


def play(checks, scene, controller_kills, recorder_kills):
    """The scripted run up to the last kill. Returns how many of each really were killed while alive."""
    killed = collections.Counter()
    recorder = scene.start_recorder()
    for life, recorder_dies_at in scene.lives(controller_kills, recorder_kills):
        controller = scene.start_controller()
        if recorder_dies_at is not None:
            time.sleep(recorder_dies_at)
            killed["recorder"] += recorder.alive()
            recorder.kill()
            away = scene.random.uniform(*RECORDER_AWAY_S)
            rest = life - recorder_dies_at
            time.sleep(min(away, rest))
            recorder = scene.start_recorder()
            time.sleep(max(0.0, rest - away))
        else:
            time.sleep(life)
        killed["controller"] += controller.alive()
        if not controller.alive():
            checks.note(f"a controller ended by itself: {common.short(controller.stderr()[-400:])}")
        controller.kill()
    return killed, recorder


def head_of_outbox(scene):
    """The last seq that any line on stdout or the live key told of."""
    seqs = [event["seq"] for run in scene.runs for event, _ in common.printed_events(run.stdout())]
    return max(map(int, seqs), default=0)


def last_stored(scene):
    if not scene.store.exists():
        return 0
    try:
        return max((int(e["seq"]) for e in common.stored_events(scene.store)), default=0)
    except Exception as error:  # the recorder may hold the file in the moment of its creation
        return 0 if "locked" in str(error) or "no such table" in str(error) else -1


def told_and_kept(checks, scene, samples):
    """Everything that was told is in the store once, byte for byte."""
    lines = common.stored_lines(scene.store)
    stored = collections.Counter(lines)
    by_hash = collections.Counter(json.loads(line)["hash"] for line in lines)
    doubled = [h for h, n in by_hash.items() if n > 1]
    checks.check(f"{len(lines)} events in the store, none twice", lines and not doubled, str(doubled[:3]))
    printed = [line for run in scene.runs for _, line in common.printed_events(run.stdout())]
    lost = [line for line in printed if stored[line] != 1]
    checks.check(f"each of {len(printed)} lines that run --json printed is in the store once", printed and not lost,
                 f"{len(lost)} are not, first {common.short(lost[0]) if lost else ''}")
    seen = received(samples)
    lost = [payload for _, payload in seen if stored[payload] != 1]
    checks.check(f"each of {len(seen)} samples of the outside subscriber is in the store once", seen and not lost,
                 f"{len(lost)} are not, first {common.short(lost[0]) if lost else ''}")
    faults = common.chain_faults(lines)
    checks.check("the chain is whole when computed a second time", not faults, "; ".join(faults[:3]))
    return [json.loads(line) for line in lines]


def units_are_decided(checks, events):
    opened = [e["data"]["serial"] for e in common.of_type(events, common.UNIT_OPENED)]
    results = collections.defaultdict(list)
    for event in common.of_type(events, common.UNIT_RESULT):
        results[event["data"]["serial"]].append(event["data"]["result"])
    checks.check(f"{len(opened)} units were opened, each serial once", opened and len(set(opened)) == len(opened))
    undecided = [s for s in opened if len(results[s]) != 1 or results[s][0] not in ("good", "ng", "interrupted")]
    checks.check("every unit is good, ng or interrupted, once", not undecided, str(undecided[:5]))
    counts = collections.Counter(r for rs in results.values() for r in rs)
    checks.note(f"results {dict(counts)}")
    checks.check("the kills did interrupt units", counts["interrupted"] > 0, str(counts))
    # A life that begins says of each unit of the one before it what became of it.
    at_once = collections.Counter(e["data"]["clock"]["boot_id"] for e in common.of_type(events, common.UNIT_RESULT)
                                  if e["data"]["cause"] == "controller-restart")
    checks.check("some kill met several units in flight, and each of them was decided", max(at_once.values(), default=0) > 1,
                 f"units interrupted by each kill: {sorted(at_once.values())}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--controller", type=int, default=20)
    parser.add_argument("--recorder", type=int, default=10)
    args = parser.parse_args()
    checks = Checks()
    scene = Scene(workdir("kills"), args.seed)
    client, samples = subscriber(scene.endpoint, scene.folder)
    killed, recorder = play(checks, scene, args.controller, args.recorder)
    checks.equal("controllers killed while they ran", killed["controller"], args.controller)
    checks.equal("recorders killed while they ran", killed["recorder"], args.recorder)
    last = scene.start_controller(units=1)
    checks.equal("after the last kill the controller makes its unit and ends with 0", last.wait(240), 0)
    if not checks.check("the recorder has everything soon after",
                        until(lambda: last_stored(scene) >= head_of_outbox(scene), DRAINED_WITHIN_S, 0.5),
                        f"{last_stored(scene)} of {head_of_outbox(scene)}"):
        print(last.stderr()[-1500:], recorder.stderr()[-1500:])
    recorder.signal(2)
    checks.equal("the recorder ends with 0 at Ctrl-C", recorder.wait(30), 0)
    client.signal(15)
    client.wait(10)
    events = told_and_kept(checks, scene, samples)
    units_are_decided(checks, events)
    verify = cellwright("dhr", "verify", "--json", "--state", scene.state, "--store", scene.store)
    checks.check("dhr verify finds nothing", verify.code == 0 and verify.json()["ok"], common.short(verify.text))
    checks.end()


if __name__ == "__main__":
    main()
