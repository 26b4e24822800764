#!/usr/bin/env python3
"""A production order from its file through kills to its end: no serial twice, the lot adds up.

    orders.py [--seed N] [--kills N]

Exit codes: 1 the thing checked does not hold, 2 wrong use.
"""

import argparse
import collections
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, Started, cellwright, until, workdir

RECIPE = common.ROOT / "recipes" / "cannula-hub" / "cannula-hub.recipe.yaml"
REWORK = common.ROOT / "recipes" / "cannula-rework" / "cannula-rework.recipe.yaml"
DEMO = common.ROOT / "recipes" / "cannula-hub" / "demo.order.yaml"
LOT, DI, PREFIX, QUANTITY, LAST = "HIL-LOT-7", "04012345678949", "HIL7-", 4, 40
# Of the second unit, within the envelope of the recipe.
DEPTH = "12.38 mm"

ORDER = """\
order: 1
id: {id}
lot: {lot}
product: {{ part: IS-23, udi: {{ di: {di} }} }}
recipe: {recipe}
quantity: {quantity}
serials: {{ prefix: {prefix}, first: {first}, last: {last} }}
purpose: {purpose}
"""
SETS = """\
sets: [{{ serials: [{own}], params: {{ {values} }} }}]
"""
# A unit is in work all the time after the first has been opened; a kill hits one some seconds later.
LIFE_S = (0.5, 9.0)
RUN_S = 240


class Scene:
    def __init__(self, folder, seed):
        self.folder, self.seed = folder, seed
        self.state, self.path = folder / "state", folder / "work.order.yaml"

    def write(self, **changed):
        fields = {"id": "HIL-PO-7", "lot": LOT, "di": DI, "recipe": RECIPE, "quantity": QUANTITY, "prefix": PREFIX,
                  "first": 1, "last": f"{LAST:04}", "purpose": "trial", "values": f"seat_depth: {DEPTH}", **changed}
        fields.setdefault("own", f"{fields['prefix']}{2:0{len(str(fields['last']))}}")
        # A rework's recipe has no parameters.
        text = ORDER if fields["purpose"] == "rework" else ORDER + SETS
        self.path.write_text(text.format(**fields))

    def args(self):
        return ["run", "--json", "--order", self.path, "--state", self.state, "--seed", self.seed]

    def run(self):
        return cellwright(*self.args(), cwd=self.folder, timeout=RUN_S)

    def lot(self, lot=LOT):
        return cellwright("dhr", "lot", lot, "--json", "--state", self.state, cwd=self.folder, timeout=60)


def wrong_files(checks, scene):
    """Told with place and remedy, before anything is written."""
    for name, changed, code in (
        ("a DI with a wrong check digit", {"di": DI[:-1] + "0"}, "R0113"),
        ("serials of the cell's own counter", {"prefix": "CW-"}, "R1001"),
        ("more units than serials", {"last": "0003"}, "R1002"),
        ("production on the twin", {"purpose": "production"}, "R1003"),
        ("a recipe that is not there", {"recipe": "no-such.recipe.yaml"}, "R0001"),
        ("a set for a serial of another order", {"own": "HIL8-0002"}, "R1004"),
        ("a set with another part", {"values": "cannula: CAN-25"}, "R1005"),
        ("a set outside the envelope", {"values": "seat_depth: 12.60 mm"}, "R0501"),
    ):
        scene.write(**changed)
        ended = scene.run()
        told = re.search(code, ended.err) and str(scene.path) in ended.err and "help" in ended.err
        checks.check(f"{name} is refused: exit 1, {code} with place and remedy", ended.code == 1 and told,
                     f"exit {ended.code}: {common.short(ended.text)}")
    checks.check("nothing was written for them", not scene.state.exists())
    scene.write(purpose="production")
    simulated = cellwright("simulate", "--order", scene.path, "--json", cwd=scene.folder, timeout=RUN_S)
    checks.check("a production order can be simulated", simulated.code == 0 and simulated.json()["good"] == QUANTITY,
                 common.short(simulated.text))
    both = cellwright("run", "--order", scene.path, "--units", 3, cwd=scene.folder, timeout=30)
    checks.check("--order and --units together are wrong use", both.code == 2, f"exit {both.code}: {common.short(both.text)}")


def killed_and_resumed(checks, scene, kills):
    """The order through kills to its end; every event line that was printed on the way."""
    scene.write()
    moments, printed = random.Random(scene.seed), []
    for n in range(kills):
        run = Started(scene.args(), scene.folder / f"run-{n}", cwd=scene.folder)
        opened = until(lambda: common.of_type([e for e, _ in common.printed_events(run.stdout())], common.UNIT_OPENED), 60)
        checks.check(f"life {n + 1} opens a unit of the order", opened, common.short(run.stderr()[-600:]))
        until(lambda: not run.alive(), moments.uniform(*LIFE_S))
        checks.check(f"life {n + 1} is killed at work", run.alive(), common.short(run.stderr()[-600:]))
        run.kill()
        printed += [e for e, _ in common.printed_events(run.stdout())]
    last = scene.run()
    checks.check("the last life completes the order and ends with 0", last.code == 0, common.short(last.err[-600:]))
    printed += [e for e, _ in common.printed_events(last.out)]
    return printed, (common.summary_of(last.out) or {}).get("order")


def adds_up(checks, scene, printed, order):
    opened = [e["data"]["serial"] for e in common.of_type(printed, common.UNIT_OPENED)]
    results = collections.Counter(e["data"]["result"] for e in common.of_type(printed, common.UNIT_RESULT))
    checks.check(f"no serial of {len(opened)} is taken twice", opened and len(set(opened)) == len(opened), str(opened))
    checks.equal("serials are the range in its order", opened, [f"{PREFIX}{n:04}" for n in range(1, len(opened) + 1)])
    checks.equal("as many are good as were ordered", results["good"], QUANTITY)
    checks.check("the kills interrupted units", results["interrupted"] > 0, str(results))
    checks.equal("the order at the end of the last run", order,
                 {"id": "HIL-PO-7", "lot": LOT, "quantity": QUANTITY, "started": len(opened), "good": results["good"],
                  "ng": results["ng"], "interrupted": results["interrupted"]})
    sets = {e["data"]["serial"]: e["data"]["recipe"].get("set", {}) for e in common.of_type(printed, common.UNIT_OPENED)}
    own = f"{PREFIX}0002"
    checks.equal("the record says which unit has other values", sets,
                 {serial: {"seat_depth": DEPTH} if serial == own else {} for serial in opened})
    plans = {e["data"]["serial"]: e["data"]["recipe"]["plan_hash"] for e in common.of_type(printed, common.UNIT_OPENED)}
    checks.check("it has a plan of its own, the others share one",
                 len(set(plans.values())) == 2 and list(plans.values()).count(plans[own]) == 1, str(plans))
    shown = cellwright("dhr", "show", own, "--state", scene.state, cwd=scene.folder, timeout=60)
    checks.check("dhr show says its values", f"seat_depth = {DEPTH}" in shown.out, common.short(shown.text))
    udis = {e["data"]["udi"] for e in common.of_type(printed, common.UNIT_OPENED)}
    checks.equal("each unit has its UDI", udis, {f"(01){DI}(10){LOT}(21){serial}" for serial in opened})
    named = {(e["data"]["order"], e["data"]["lot"]) for e in printed if e["data"].get("serial")}
    checks.equal("each event of a unit names order and lot", named, {("HIL-PO-7", LOT)})

    lot = scene.lot()
    if not checks.check("dhr lot reads the lot", lot.code == 0, common.short(lot.text)):
        return
    report = lot.json()
    counted = {word: report[word] for word in ("started", "good", "ng", "interrupted", "open")}
    checks.equal("its counts are those of what was printed", counted,
                 {"started": len(opened), **{w: results[w] for w in ("good", "ng", "interrupted")}, "open": 0})
    checks.equal("its serials too", [(u["serial"], u["result"] is not None) for u in report["serials"]],
                 [(serial, True) for serial in opened])
    for flag, value, serials in (("--lot", LOT, opened), ("--order", "HIL-PO-7", opened), ("--lot", "OTHER", [])):
        rows = cellwright("dhr", "list", flag, value, "--json", "--state", scene.state, cwd=scene.folder, timeout=60)
        checks.equal(f"dhr list {flag} {value}", [r["serial"] for r in rows.json()] if rows.code == 0 else rows.text, serials)
    checks.equal("ng by cause adds up", sum(report["ng_by_cause"].values()), results["ng"])
    checks.equal("order, origin, purpose", (report["orders"], report["origin"], report["purposes"]),
                 (["HIL-PO-7"], "twin", ["trial"]))
    judged = results["good"] + results["ng"]
    again = sum(u["retested"] and u["result"] == "good" for u in report["serials"])
    checks.equal("first-pass yield", report["first_pass_yield"], (results["good"] - again) / judged)
    checks.check("its components have lots", report["components"] and all(c["lot"] for c in report["components"]),
                 str(report["components"]))


def refusals(checks, scene):
    """What the state directory knows of the order is held against the file."""
    for name, changed, words in (
        ("the complete order", {}, ("HIL-PO-7 is complete", f"{QUANTITY} good")),
        ("another lot under the id", {"lot": "OTHER"}, (f"lot is OTHER and was {LOT}",)),
        ("other values for a serial", {"values": "seat_depth: 12.39 mm"},
         (f"sets is {PREFIX}0002 with seat_depth = 12.39 mm and was {PREFIX}0002 with seat_depth = {DEPTH}",)),
        ("its serials under another id", {"id": "HIL-PO-8"}, ("HIL-PO-7", "range of its own")),
    ):
        scene.write(**changed)
        ended = scene.run()
        checks.check(f"{name} is refused: exit 1, in words", ended.code == 1 and all(w in ended.err for w in words),
                     f"exit {ended.code}: {common.short(ended.err)}")
        checks.check(f"{name}: nothing moved", not common.printed_events(ended.out))
    unknown = scene.lot("NO-SUCH")
    checks.check("an unknown lot: exit 1 and the lots that there are", unknown.code == 1 and LOT in unknown.err,
                 f"exit {unknown.code}: {common.short(unknown.text)}")


def range_ends(checks, scene):
    """Two starts are permitted; a kill takes one of them, so the order cannot be made."""
    scene.state = scene.folder / "short"
    scene.write(id="HIL-PO-9", quantity=2, first=1, last="02", prefix="HIL9-")
    run = Started(scene.args(), scene.folder / "run-short", cwd=scene.folder)
    until(lambda: common.of_type([e for e, _ in common.printed_events(run.stdout())], common.UNIT_OPENED), 60)
    run.kill()
    ended = scene.run()
    said = "HIL9-01 .. HIL9-02 are used up" in ended.err and "remedy" in ended.err
    checks.check("at the end of its serials the order stops: exit 1, an alarm says so", ended.code == 1 and said,
                 f"exit {ended.code}: {common.short(ended.err[-800:])}")


def reworked(checks, scene):
    """Two units of the complete order come back under their serials; one that was never made does not."""
    scene.state = scene.folder / "rework"
    fields = {"di": DI, "quantity": 2, "last": "02", "prefix": "HIL8-", "lot": "HIL-LOT-8"}
    scene.write(id="HIL-PO-10", **fields)
    made = scene.run()
    first = [e["data"]["serial"] for e in common.of_type([e for e, _ in common.printed_events(made.out)],
                                                         common.UNIT_OPENED)]
    checks.check("an order is made", first, common.short(made.text))
    back = {**fields, "id": "HIL-RW-10", "recipe": REWORK, "purpose": "rework", "quantity": 1}
    for name, changed, words in (
        ("a serial that was never made", {"last": "03"}, "not all of its serials"),
        ("another lot", {"lot": "HIL-LOT-9"}, "of lot HIL-LOT-8"),
        ("a recipe for parts", {"recipe": RECIPE}, "takes no finished unit"),
    ):
        scene.write(**{**back, **changed})
        ended = scene.run()
        checks.check(f"rework: {name} is refused: exit 1, in words", ended.code == 1 and words in ended.err,
                     f"exit {ended.code}: {common.short(ended.err)}")
    scene.write(**{**back, "last": f"{len(first):02}"})
    ended = scene.run()
    again = [e["data"]["serial"] for e in common.of_type([e for e, _ in common.printed_events(ended.out)],
                                                         common.UNIT_OPENED)]
    checks.check("the rework ends with 0", ended.code == 0, common.short(ended.err[-800:]))
    checks.equal("serials come back from the first on", again, first[:len(again)])
    shown = cellwright("dhr", "show", first[0], "--json", "--state", scene.state, cwd=scene.folder, timeout=60)
    record = shown.json() if shown.code == 0 else {}
    checks.equal("dhr show has both openings", [(o["purpose"], o["order"], o["result"] is not None)
                                                for o in record.get("openings", [])],
                 [("trial", "HIL-PO-10", True), ("rework", "HIL-RW-10", True)])
    steps = [(s["opening"], s["purpose"], s["id"]) for s in record.get("steps", [])]
    checks.check("each step says whose it is", (1, "trial", "press-cannula") in steps and (2, "rework", "id-unit") in steps,
                 str(steps))
    lot = scene.lot("HIL-LOT-8")
    report = lot.json() if lot.code == 0 else {}
    checks.equal("the lot counts each opening", (report.get("started"), report.get("reworks")),
                 (len(first) + len(again), len(again)))
    verify = cellwright("dhr", "verify", "--json", "--state", scene.state)
    checks.check("dhr verify finds nothing after a rework", verify.code == 0 and verify.json()["ok"],
                 common.short(verify.text))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kills", type=int, default=3)
    args = parser.parse_args()
    checks = Checks()
    scene = Scene(workdir("orders"), args.seed)
    demo = cellwright("check", "--order", DEMO, cwd=common.ROOT, timeout=60)
    checks.check("the order of the repository holds", demo.code == 0, common.short(demo.text))
    wrong_files(checks, scene)
    printed, order = killed_and_resumed(checks, scene, args.kills)
    adds_up(checks, scene, printed, order)
    verify = cellwright("dhr", "verify", "--json", "--state", scene.state)
    checks.check("dhr verify finds nothing", verify.code == 0 and verify.json()["ok"], common.short(verify.text))
    refusals(checks, scene)
    range_ends(checks, scene)
    reworked(checks, scene)
    checks.end()


if __name__ == "__main__":
    main()
