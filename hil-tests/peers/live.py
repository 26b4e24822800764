#!/usr/bin/env python3
"""An outside Zenoh client sees every step outcome on its key, with the hash that the store keeps."""

import pathlib
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, Started, cellwright, free_port, until, workdir

PLACE = "cellwright/v1/plant-1/infusion-2/cannula-cell"
UNITS, SEED = 2, 1


def venv_python():
    return str(common.TARGET / "hil-venv" / "bin" / "python")


def subscriber(endpoint, folder, name="subscriber"):
    """Starts the outside client; its samples go to the returned file."""
    samples = folder / f"{name}.samples"
    script = str(pathlib.Path(__file__).resolve().parent / "subscriber.py")
    return Started([], folder / name, command=[venv_python(), script, endpoint, str(samples)]), samples


def received(samples):
    """(key, payload) of every whole sample."""
    lines = common.complete_lines(samples.read_text() if samples.exists() else "")
    return [tuple(line.split("\t", 1)) for line in lines if "\t" in line]


def key_of(event):
    data = event["data"]
    serial = urllib.parse.quote(data["serial"], safe="")
    return f"{PLACE}/unit/{serial}/step/{data['n']}/{data['attempt']}/outcome"


def main():
    checks = Checks()
    folder = workdir("live")
    endpoint = f"tcp/127.0.0.1:{free_port()}"
    client, samples = subscriber(endpoint, folder)
    run = cellwright("run", "--units", UNITS, "--seed", SEED, "--json", "--state", folder / "state",
                     "--listen", endpoint, cwd=folder, timeout=240)
    checks.equal("the run ends with 0", run.code, 0)
    stored = common.stored_events(folder / "state" / "dhr.db")
    outcomes = common.of_type(stored, common.STEP_OUTCOME)
    until(lambda: len(received(samples)) >= len(outcomes), 5)
    client.signal(15)
    checks.equal("the client ends by itself", client.wait(10), 0)
    got = received(samples)
    by_key = {}
    for key, payload in got:
        by_key.setdefault(key, []).append(payload)
    lines = {event["id"]: line for event, line in zip(stored, common.stored_lines(folder / "state" / "dhr.db"))}
    checks.check(f"there are outcomes of {UNITS} units", len(outcomes) >= 10 * UNITS, str(len(outcomes)))
    unseen = [key_of(e) for e in outcomes if lines[e["id"]] not in by_key.get(key_of(e), [])]
    checks.check(f"each of {len(outcomes)} outcomes was seen on its key, byte for byte as stored", not unseen, str(unseen[:3]))
    doubled = [key for key in map(key_of, outcomes) if len(by_key.get(key, [])) > 1]
    checks.check("none of them twice", not doubled, str(doubled[:3]))
    known = set(lines.values())
    strange = [key for key, payload in got if payload not in known]
    checks.check(f"each of {len(got)} samples is in the store", not strange, str(strange[:3]))
    kinds = {key.rsplit("/", 1)[-1] for key, _ in got}
    checks.check("the cell's state was published too", "state" in kinds, str(sorted(kinds)))
    printed = {event["id"]: line for event, line in common.printed_events(run.out)}
    checks.equal("run --json printed every stored event, byte for byte", printed, lines)
    checks.end()


if __name__ == "__main__":
    main()
