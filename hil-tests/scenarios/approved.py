#!/usr/bin/env python3
"""Approved means approved: keys, users.yaml, signatures of three persons, and what is refused on the way.

Everything is done by the commands that people use. The bus is never reached: `run --bus` says before what it refuses.
"""

import datetime
import json
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, cellwright, workdir

PASSPHRASE = "correct horse battery"
ROLES = {"adam": "administrator", "anna": "author, reviewer", "rosa": "reviewer", "paul": "approver", "quin": "quality",
         "tess": "teacher", "otto": "operator", "lars": "reviewer"}
TODAY = datetime.date.today()
UNTIL, LAPSED = TODAY + datetime.timedelta(days=300), TODAY - datetime.timedelta(days=1)
# A bus that no machine has: whoever comes so far has passed the gate.
BUS = "cwnone0"


class Plant:
    def __init__(self, folder):
        self.folder, self.cell, self.state = folder, folder / "cell", folder / "state"
        self.recipes, self.recipe = folder / "recipes", folder / "recipes/cannula-hub.recipe.yaml"
        shutil.copytree(common.ROOT / "cells/cannula-cell", self.cell)
        shutil.copytree(common.ROOT / "recipes/cannula-hub", self.recipes)
        self.phrase = folder / "passphrase"
        self.phrase.write_text(PASSPHRASE + "\n")
        self.keys = {}

    def call(self, *args):
        return cellwright(*args, cwd=self.folder, timeout=60)

    def signature(self, who, key=None):
        return ["--person", who, "--key", self.folder / f"{key or who}.key", "--passphrase-file", self.phrase]

    def make_keys(self, checks):
        for who in ROLES:
            made = self.call("users", "key", "--person", who, "--out", self.folder / f"{who}.key",
                             "--passphrase-file", self.phrase)
            self.keys[who] = made.out.strip()
            checks.check(f"{who} has a key", made.code == 0 and re.fullmatch("[0-9a-f]{64}", self.keys[who]), made.err)

    def write_users(self, **until):
        rows = [f'  {who}: {{ name: {who.title()} of the plant, key: "{self.keys[who]}", roles: [{roles}], '
                f"trained_until: {until.get(who, UNTIL)} }}\n" for who, roles in ROLES.items()]
        (self.cell / "users.yaml").write_text("users: 1\npersons:\n" + "".join(rows))

    def sign_users(self, who="adam"):
        return self.call("users", "sign", "--cell", self.cell, *self.signature(who))

    def approve(self, who, act, of="recipe", key=None):
        return self.call("approve", self.recipe, "--cell", self.cell, "--of", of, "--act", act, "--note", "as agreed",
                         *self.signature(who, key))

    def standing(self, *args):
        return self.call("approve", self.recipe, "--cell", self.cell, "--state", self.state, "--json", *args)

    def refusals(self, *args):
        return [f"{r['place']}: {r['cause']}; {r['remedy']}" for r in self.standing(*args).json()["refusals"]]

    def run(self, purpose="production", operator="otto"):
        text = (self.recipes / "demo.order.yaml").read_text()
        order = self.recipes / "work.order.yaml"
        order.write_text(text.replace("purpose: trial", f"purpose: {purpose}"))
        ended = self.call("run", "--bus", BUS, "--cell", self.cell, "--order", order, "--operator", operator,
                          "--state", self.state)
        order.unlink()
        return ended


def passed_the_gate(ended):
    """What is refused then is the cobots, for which this build has no driver on a real bus."""
    return ended.code == 2 and "has cobots" in ended.err


def people(checks, plant):
    plant.make_keys(checks)
    again = plant.call("users", "key", "--person", "anna", "--out", plant.folder / "anna.key",
                       "--passphrase-file", plant.phrase)
    checks.check("a key file is never overwritten", again.code == 1, again.text)
    plant.write_users(lars=LAPSED)
    wrong = plant.sign_users("anna")
    checks.check("only an administrator signs users.yaml", wrong.code == 1 and "no administrator" in wrong.err, wrong.text)
    checks.check("the administrator signs users.yaml", plant.sign_users().code == 0)
    listed = plant.call("users", "list", "--cell", plant.cell, "--json").json()
    checks.equal("it names who signed", listed["signed_by"], "adam")
    checks.equal("and whose training has lapsed", [p["id"] for p in listed["persons"] if not p["trained"]], ["lars"])


def signatures(checks, plant):
    draft = plant.standing()
    checks.check("a draft is not for production", draft.code == 1 and not draft.json()["production"], draft.text)
    checks.check("run says so before it looks at the bus", (r := plant.run()).code == 1 and "not approved" in r.err, r.text)
    for what, ended, words in (
        ("a reviewer does not submit", plant.approve("rosa", "submit"), "is for author"),
        ("nobody signs with another's key", plant.approve("rosa", "submit", key="anna"), "key of anna"),
        ("nothing is released that nobody has reviewed", plant.approve("paul", "release"), "not possible"),
    ):
        checks.check(f"{what}, exit 1 and why", ended.code == 1 and words in ended.err, ended.text)
    for of in ("recipe", "cell"):
        checks.check(f"{of}: the author submits", (e := plant.approve("anna", "submit", of)).code == 0, e.text)
        own = plant.approve("anna", "validate", of)
        checks.check(f"{of}: the author does not review their own", own.code == 1 and "another person" in own.err, own.text)
        late = plant.approve("lars", "validate", of)
        checks.check(f"{of}: nobody signs whose training has lapsed", late.code == 1 and "was valid until" in late.err, late.text)
        checks.check(f"{of}: the reviewer signs", (e := plant.approve("rosa", "validate", of)).code == 0, e.text)
    trust(checks, plant)
    checks.check("approved for validation: it may be made for that", passed_the_gate(r := plant.run("validation")), r.text)
    checks.check("and for nothing else", (r := plant.run()).code == 1 and "approved-for-validation" in r.err, r.text)
    for of in ("recipe", "cell"):
        checks.check(f"{of}: the approver releases", (e := plant.approve("paul", "release", of)).code == 0, e.text)
    states = [s["state"] for s in plant.standing().json()["subjects"]]
    checks.equal("both are released", states, ["released", "released"])
    checks.check("now it may go into production", plant.standing("--operator", "otto").code == 0)
    checks.check("and run lets it", passed_the_gate(r := plant.run()), r.text)
    checks.check("by an operator only", (r := plant.run(operator="anna")).code == 1 and "no operator" in r.err, r.text)


def trust(checks, plant):
    said = plant.refusals()
    checks.check("a cell that trusts no administrator refuses", any("trusts no administrator" in r for r in said), str(said))
    checks.equal("a key is laid down at the cell",
                 plant.call("users", "trust", "--state", plant.state, "--key", plant.keys["adam"]).code, 0)


def flip(path, at):
    """One byte of a file another one; what it was."""
    before = path.read_bytes()
    path.write_bytes(before[:at] + bytes([before[at] ^ 1]) + before[at + 1:])
    return before


def in_a_comment(path):
    """Where a change means nothing to the reader of YAML."""
    return path.read_bytes().rindex(b"# ") + 3


def changed(checks, plant):
    """A byte of anything that was signed."""
    record = next(iter(sorted((plant.recipes / "approvals").glob("*.json"))))
    cell_record = next(iter(sorted((plant.cell / "approvals").glob("*.json"))))
    for path, at in (
        (plant.recipe, in_a_comment(plant.recipe)),
        (plant.recipes / "feed-cannula.recipe.yaml", in_a_comment(plant.recipes / "feed-cannula.recipe.yaml")),
        (plant.cell / "cell.yaml", in_a_comment(plant.cell / "cell.yaml")),
        (record, 200), (cell_record, 200),
        (plant.cell / "users.yaml", (plant.cell / "users.yaml").read_bytes().index(b"Anna")),
        (plant.cell / "users.yaml.sig", 60),
    ):
        before = flip(path, at)
        run, said = plant.run(), plant.refusals()
        named = any(path.name in r.split("; ")[0] for r in said)
        checks.check(f"a changed byte in {path.name}: refused, and named", run.code == 1 and named, run.err[-300:] + str(said))
        path.write_bytes(before)
    checks.check("put back, it is approved again", passed_the_gate(plant.run()))
    moved = record.with_suffix(".away")
    record.rename(moved)
    checks.check("a record that is gone: refused", (r := plant.run()).code == 1, r.text)
    moved.rename(record)


def people_change(checks, plant):
    plant.write_users(lars=LAPSED, rosa=LAPSED)
    checks.check("changed and not signed: refused", (r := plant.run()).code == 1 and "changed after it was signed" in r.err, r.text)
    plant.sign_users()
    checks.check("a reviewer whose training ended before they signed: refused",
                 (r := plant.run()).code == 1 and "signed by rosa" in r.err, r.text)
    plant.write_users(lars=LAPSED, otto=LAPSED)
    plant.sign_users()
    checks.check("an operator whose training has lapsed: refused",
                 (r := plant.run()).code == 1 and "was valid until" in r.err, r.text)
    plant.write_users(lars=LAPSED)
    plant.sign_users()


def touched_up(checks, plant):
    cell = (plant.cell / "cell.yaml").read_text()
    pose = re.search(r"robot_r:.*?\n\s+home: *(\[[^\]]+\])", cell, re.S)
    if not checks.check("the cell has a pose of robot_r", pose is not None):
        return
    home = json.loads(pose.group(1))
    path = plant.cell / "taught.yaml"
    path.write_text(f"taught: 1\ncell: cannula-cell\nrobots:\n  robot_r: {{ poses: {{ home: {[home[0] + 0.2, *home[1:]]} }} }}\n")
    said = plant.refusals()
    checks.check("a pose touched up where the cell permits none: refused, with joint and bound",
                 any("robot_r home: joint 1" in r for r in said), str(said))
    taught = plant.approve("tess", "teach", "taught")
    checks.check("and nobody can sign for it", taught.code == 1 and "joint 1" in taught.err, taught.text)
    path.unlink()


def main():
    checks = Checks()
    plant = Plant(workdir("approved"))
    people(checks, plant)
    signatures(checks, plant)
    changed(checks, plant)
    people_change(checks, plant)
    touched_up(checks, plant)
    checks.check("quality retires it", plant.approve("quin", "retire").code == 0)
    checks.check("and nothing is made of it any more", (r := plant.run()).code == 1 and "retired" in r.err, r.text)
    checks.end()


if __name__ == "__main__":
    main()
