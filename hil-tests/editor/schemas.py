"""`cellwright schema` by a validator of others: Python's jsonschema (draft-07) takes every shipped file and refuses those
that are wrong by their schema. YAML is read as YAML 1.2 reads it: `no` is a word, a date is a text."""

import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from common import ROOT, SKIPPED, Checks, cellwright, workdir

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"  skip  {missing.name} is not there")
    sys.exit(SKIPPED)

CELL = ROOT / "cells" / "cannula-cell"
RECIPE = ROOT / "recipes" / "cannula-hub" / "cannula-hub.recipe.yaml"
FEED = ROOT / "recipes" / "cannula-hub" / "feed-cannula.recipe.yaml"
ORDER = ROOT / "recipes" / "cannula-hub" / "demo.order.yaml"
TEST = ROOT / "recipes" / "cannula-hub" / "cannula-hub.test.yaml"
BENCH_TEST = ROOT / "recipes" / "press-fit" / "press-fit.test.yaml"
SCENARIOS = ROOT / "hil-tests" / "scenarios"
FAULTS = ROOT / "hil-tests" / "faults"
KINDS = ["recipe", "cell", "taught", "plant", "order", "users", "quarantine", "faults", "test", "scenario"]

TAUGHT = """
taught: 1
cell: cannula-cell
robots:
  robot_r: { offset: [0, 0, 0.1, 0, 0, 0], poses: { test: [-10, -58, 94.2, -126, -90, -10] } }
"""
USERS = f"""
users: 1
persons:
  anna: {{ name: Anna Berg, key: "{'8f4c' * 16}", roles: [author], trained_until: 2027-12-31 }}
"""
# `true` is a word here.
EMPTY_TRAY = """
test: 1
about: A tray runs empty.
recipe: x.recipe.yaml
cell: cell
tests:
  - id: empty
    about: Nothing to take.
    when: [{ at: now, do: [{ load: { tray: hub_tray, empty: true } }, { input: { name: guard_ok, level: false } }] }]
    expect: { units: { interrupted: 1 } }
"""
QUARANTINE = """
quarantine: 1
lots: [{ lot: H24-1187, part: HUB-23, reason: cracked bores }]
"""


class Yaml12(yaml.SafeLoader):
    """Booleans, numbers and null of the core schema of YAML 1.2; everything else is text."""

    yaml_implicit_resolvers = {}


def number(text):
    return int(text, 16) if text.startswith("0x") else int(text, 10)


def resolve(tag, pattern, first, make):
    Yaml12.add_implicit_resolver(tag, re.compile(rf"^(?:{pattern})$"), list(first))
    Yaml12.add_constructor(tag, lambda loader, node: make(loader.construct_scalar(node)))


resolve("tag:yaml.org,2002:bool", "true|false", "tf", lambda text: text == "true")
resolve("tag:yaml.org,2002:int", "[-+]?[0-9]+|0x[0-9a-fA-F]+", "-+0123456789", number)
resolve("tag:yaml.org,2002:float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789", float)
resolve("tag:yaml.org,2002:null", "~|null|", ["~", "n", ""], lambda text: None)


def read(text):
    return yaml.load(text, Loader=Yaml12)


# The text in its file, what stands there instead, and why that is wrong by the schema already.
WRONG = {
    "recipe": (RECIPE, [
        ("on_hold: finish", "on_holt: finish", "an unknown field"),
        ("      id: leak\n", "", "a missing field"),
        ("on_hold: finish", "on_hold: pause", "an unknown word"),
        ("recipe: 1 ", "recipe: 2 ", "another schema"),
        ("version: 3.2.0", "version: 3.2", "no version"),
        ("{ retry: 1, after", "{ retry: 0, after", "a number out of range"),
        ("{ retry: 1, after", "{ retry: many, after", "no number"),
        ("  - confirm: {", "  - confrim: {", "an unknown step"),
        ("velocity: 60 mm/s", "velocity: 60", "no unit"),
        ("velocity: 60 mm/s", "velocity: 60 mm/sec", "an unknown unit"),
        ("velocity: 60 mm/s", "velocity: 60 deg/s", "another dimension"),
        ("velocity: 60 mm/s", "velocity: fast", "no quantity"),
        ("between: 39.0 .. 41.5 mm", "between: 39.0 mm", "no range"),
        ("snug: 0.10 N·m", "snug: 0.10 N", "another dimension"),
        ("id: seal-cap", "id: seal cap", "no name"),
        ("zero: { within: 2 N }", "zero: 2 N", "no mapping"),
        ("answers: [ok, ng, cannot-judge]", "answers: ok", "no list"),
        ("spc: true }\n        angle", "spc: yes }\n        angle", "a boolean of YAML 1.1"),
        ("identify: per-unit", "identify: per-part", "an unknown word"),
        ("  - inspect: {", "  - inspect: {}\n    confirm: {", "two steps in one"),
        ("on_fail: reject                      #", "on_fail: { retry: 1 } #", "a handler without its end"),
        ("from: unit.location", "from: somewhere", "an unknown word"),
        ("to: good_tray.next", "to: [good_tray]", "no single value"),
        ("job: cannula-tip@4", "job: cannula-tip", "a job without its version"),
    ]),
    "cell": (CELL / "cell.yaml", [
        ("cycle: 1 ms", "cycle: 1", "no unit"),
        ("units_in_flight_max: 4", "units_in_flight_max: 40", "a number out of range"),
        ("    kind: linear\n    drive: drive_2", "    kind: straight\n    drive: drive_2", "an unknown word"),
        ("counts: 10000 / mm", "counts: 10000", "no counts"),
        ("    jerk_max: 100000 mm/s³\n", "", "a missing field"),
        ("travel: -1 .. 62 mm", "travel: -1 .. 62", "no unit"),
        ("bit: 12 }", "bit: 16 }", "a bit that is not there"),
        ("calibration_due: 2027-06-30", "calibration_due: June", "no date"),
        ("gtin: \"04012345678901\"", 'gtin: "0401"', "no GTIN"),
        ("stop_button: stop", "stop_button: halt", "an unknown word"),
        ("safety: [estop_ok, guard_ok]", "safety: estop_ok", "no list"),
        ("off_state: true", "on_state: true", "an unknown field"),
    ]),
    "plant": (CELL / "plant.yaml", [
        ("entry: 15 N", "entry: 15 mm", "another dimension"),
        ("miss: 0 %", "miss: 0", "no unit"),
        ("ambient: 22.4 degC\n", "", "a missing field"),
        ("hub_oversize: 3 %", "hub_big: 3 %", "an unknown word"),
        ("expiry: 2029-05-31", "expiry: soon", "no date"),
        ("component: cap,", "component: lid,", "an unknown word"),
    ]),
    "order": (ORDER, [
        ("quantity: 4 ", "quantity: 0 ", "a number out of range"),
        ("purpose: trial", "purpose: fun", "an unknown word"),
        ("di: 04012345678949", "di: abc", "no GTIN"),
        ("lot: IS23-0417", "lot: IS23 0417", "no lot"),
        ("due: 2027-01-29", "due: 29.1.2027", "no date"),
        ("product: {", "produkt: {", "an unknown field"),
    ]),
    "test": (TEST, [
        ("test: 1 ", "test: 2 ", "another schema"),
        ("cell: ../../cells/cannula-cell\n", "", "a missing field"),
        ("tests:\n", "test_list:\n", "an unknown field"),
        ("  - id: good-25g\n    about", "  - id: good 25g\n    about", "no name"),
        ("parts: { cannula: burr }", "parts: { cannula: bur }", "an unknown word"),
        ("hub: [good, hub_oversize, good]", "hub: [good, hub_big, good]", "an unknown word in a list"),
        ("given: { units: 3,", "given: { units: 0,", "a number out of range"),
        ("[{ wait: 1 s }, {", "[{ wait: 1 }, {", "no unit"),
        ("[{ wait: 100 ms }, { fault: { frames: 5, drop: { way: back } } }]", "{ wait: 100 ms }", "no list"),
        ("drive_fault: { axis: press_z, code", "drive_fault: { axis: [press_z], code", "no single value"),
        ("frames: 5, drop: { way: back }", "at: now, drop: { way: back }", "a fault with a moment of its own"),
        ("drop: { way: back }", "drop: { way: forth }", "an unknown word"),
        ("at: { question: decision }", "at: { question: choice }", "an unknown word"),
        ("at: { step: place-cap }", "at: soon", "an unknown moment"),
        ("{ answer: remove-by-hand }", "{ reply: remove-by-hand }", "an unknown act"),
        ("      state: Aborted", "      state: aborted", "an unknown state"),
        ("{ step: seal-cap, outcome: failed }, to-bin] }\n  - id: stripped", "{ step: seal-cap }, to-bin] }\n  - id: stripped",
         "an end without its outcome"),
        ("code: drive, first_out: true", "code: drive, first_out: yes", "a boolean of YAML 1.1"),
        ("within: 30 .. 90 Pa/s", "within: 30 Pa/s", "no range"),
        ("robot_l: empty, robot_r: empty", "robot_l: nothing, robot_r: empty", "an unknown word"),
    ]),
    "scenario": (SCENARIOS / "killed-and-reconciled.scenario.yaml", [
        ("scenario: 1", "scenario: 2", "another schema"),
        ("given: { cell: cannula-cell, ", "given: { ", "a missing field"),
        ("operator: automatic", "operator: nobody", "an unknown word"),
        ("{ controller: killed }", "{ controller: dead }", "an unknown word"),
        ("{ command: reset }", "{ command: Reset }", "an unknown command"),
        ("within: 60 s", "within: 60", "no unit"),
        ("{ order: 1 }", "{ order: 0 }", "a number out of range"),
        ("counts: { good_tray: 1 }", "counts: { good_tray: some }", "no number"),
    ]),
}


def main():
    checks = Checks()
    folder = workdir("schemas")
    made = cellwright("schema", "--out", folder)
    checks.equal("schemas are written", (made.code, sorted(p.name for p in folder.iterdir())),
                 (0, sorted(f"{k}.schema.json" for k in KINDS)))
    named = workdir("schemas-named")
    checks.equal("with the names of a cell", cellwright("schema", "--out", named, "--cell", CELL).code, 0)
    one = cellwright("schema", "recipe")
    checks.equal("one is printed", one.json(), json.loads((folder / "recipe.schema.json").read_text()))
    schemas, with_names = {}, {}
    for kind in KINDS:
        for into, where in ((schemas, folder), (with_names, named)):
            schema = json.loads((where / f"{kind}.schema.json").read_text())
            jsonschema.Draft7Validator.check_schema(schema)
            into[kind] = jsonschema.Draft7Validator(schema)

    def mistakes(validator, text):
        return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(read(text))]

    shipped = [("recipe", RECIPE.read_text()), ("recipe", FEED.read_text()), ("order", ORDER.read_text()),
               ("recipe", (ROOT / "hil-tests/scenarios/quick.recipe.yaml").read_text()),
               ("cell", (CELL / "cell.yaml").read_text()), ("plant", (CELL / "plant.yaml").read_text()),
               ("taught", TAUGHT), ("users", USERS), ("quarantine", QUARANTINE)]
    shipped += [("faults", path.read_text()) for path in sorted(FAULTS.glob("*.faults.yaml"))]
    shipped += [("test", TEST.read_text()), ("test", EMPTY_TRAY)]
    shipped += [("scenario", path.read_text()) for path in sorted(SCENARIOS.glob("*.scenario.yaml"))]
    for which, validators in (("any names", schemas), ("names of the cell", with_names)):
        said = [m for kind, text in shipped for m in mistakes(validators[kind], text)]
        checks.equal(f"every shipped file is taken, {which} ({len(shipped)} files)", said, [])

    bench = [("test", BENCH_TEST), ("recipe", ROOT / "recipes/press-fit/press-fit.recipe.yaml"),
             ("cell", ROOT / "cells/press-bench/cell.yaml"), ("plant", ROOT / "cells/press-bench/plant.yaml")]
    said = [m for kind, path in bench for m in mistakes(schemas[kind], path.read_text())]
    checks.equal("and those of another cell, any names", said, [])

    for kind, (path, cases) in WRONG.items():
        text, missed = path.read_text(), []
        for piece, instead, why in cases:
            if text.count(piece) != 1:
                missed.append(f"`{piece}` stands {text.count(piece)} times")
            elif not mistakes(schemas[kind], text.replace(piece, instead)):
                missed.append(f"{why}: `{instead}` is taken")
        checks.equal(f"{len(cases)} wrong {kind} files are refused", missed, [])

    for piece, instead in (("axis: press_z", "axis: pres_z"), ("robot: robot_l", "robot: robot_x"),
                           ("to: good_tray.next", "to: hub_tray.next")):
        text = RECIPE.read_text().replace(piece, instead)
        checks.check(f"`{instead}` is refused with the cell's names, taken without",
                     mistakes(with_names["recipe"], text) and not mistakes(schemas["recipe"], text))
    text = USERS.replace("[author]", "[autor]")
    checks.check("an unknown role is refused", mistakes(schemas["users"], text))
    text = (FAULTS / "late-long.faults.yaml").read_text().replace("late:", "belated:")
    checks.check("an unknown fault is refused", mistakes(schemas["faults"], text))
    checks.equal("a kind that is not there is wrong use", cellwright("schema", "recipes").code, 2)
    checks.end()


if __name__ == "__main__":
    main()
