#!/usr/bin/env python3
"""`dhr verify` finds every way to change a store, and says where.

A short run leaves a fresh store (0 problems). Then, each on a copy: every column of rows changed, values
inside the events changed (also with the row's own hash computed anew), rows deleted (first, middle,
last), doubled, exchanged, forged behind the end; a curve file changed, cut, deleted, exchanged.
"""

import contextlib
import hashlib
import json
import pathlib
import re
import shutil
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, cellwright, jcs, workdir

UNITS, SEED = 2, 1


class Store:
    """A copy of the fresh state directory, changed and verified."""

    def __init__(self, fresh, folder):
        self.path = folder
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(fresh, folder, ignore=shutil.ignore_patterns("*.sock", "lock", "*.lock"))

    def sql(self, statement, *values):
        with contextlib.closing(sqlite3.connect(self.path / "dhr.db")) as db:
            changed = db.execute(statement, values).rowcount
            db.commit()
        return changed

    def forget_outbox(self):
        return len([p.unlink() for p in self.path.glob("outbox.db*")])

    def curves(self):
        return sorted(p for p in (self.path / "curves").rglob("*") if p.is_file())

    def verify(self, *args):
        ended = cellwright("dhr", "verify", "--json", "--state", self.path, *args, timeout=60)
        try:
            return ended.code, json.loads(ended.out)
        except ValueError:
            return ended.code, {"ok": None, "problems": [], "said": ended.text}


class Mutations:
    def __init__(self, checks, fresh, folder):
        self.checks, self.fresh, self.folder = checks, fresh, folder
        self.rows = rows_of(fresh / "dhr.db")
        self.columns = columns_of(fresh / "dhr.db", "events")
        self.head_columns = columns_of(fresh / "dhr.db", "heads")
        self.places = {"first": 0, "middle": len(self.rows) // 2, "last": len(self.rows) - 1}

    def expect(self, name, change, places, args=()):
        """After `change`, which says how much it changed, verify must end with 1 and name one of `places` (a seq, a curve's hash)."""
        store = Store(self.fresh, self.folder / "changed")
        if change(store) == 0:
            self.checks.check(name, False, "the change touched nothing: the check would be empty")
            return
        code, found = store.verify(*args)
        named = any(names(problem, place) for problem in found["problems"] for place in places)
        self.checks.check(name, code == 1 and found["ok"] is False and named, f"exit {code}, looked for {places} in {common.short(json.dumps(found))}")

    def each_column(self):
        for column, kind in self.columns:
            for place, index in self.places.items():
                row = self.rows[index]
                self.expect(f"column {column} of the {place} row changed",
                            lambda s, r=row: s.sql(f"UPDATE events SET {column} = ? WHERE rowid = ?", other(r[column], kind), r["rowid"]),
                            [row["seq"], row["seq"] + 1])

    def each_value(self):
        """One event of each type: every leaf of its JSON, with the old hash and with a new one."""
        seen = set()
        for row in self.rows:
            event = json.loads(row["line"])
            if event["type"] in seen:
                continue
            seen.add(event["type"])
            leaves = list(leaves_of(event))
            missed_with_old, missed_with_new = [], []
            for path, value in leaves:
                for rehash, missed in ((False, missed_with_old), (True, missed_with_new)):
                    if rehash and path == ("hash",):
                        continue
                    changed = put(event, path, other(value, ""))
                    if not self.is_found(row, changed, rehash):
                        missed.append("/".join(map(str, path)))
            self.checks.check(f"{event['type']}: each of {len(leaves)} values changed", not missed_with_old, str(missed_with_old))
            self.checks.check(f"{event['type']}: the same with the row's hash computed anew", not missed_with_new, str(missed_with_new))

    def is_found(self, row, changed, rehash):
        if rehash:
            changed["hash"] = hash_of(changed)
        store = Store(self.fresh, self.folder / "changed")
        store.sql("UPDATE events SET line = ? WHERE rowid = ?", jcs(changed), row["rowid"])
        if rehash:
            store.sql("UPDATE events SET hash = ? WHERE rowid = ?", changed["hash"], row["rowid"])
        code, found = store.verify()
        return code == 1 and any(names(p, s) for p in found["problems"] for s in (row["seq"], row["seq"] + 1))

    def rows_missing_and_extra(self):
        for place, index in self.places.items():
            row = self.rows[index]
            self.expect(f"the {place} row deleted", lambda s, r=row: s.sql("DELETE FROM events WHERE rowid = ?", r["rowid"]),
                        [row["seq"], row["seq"] + 1, "head"])
        tail = self.rows[-3]["seq"]
        self.expect("the last three rows deleted", lambda s: s.sql("DELETE FROM events WHERE seq >= ?", tail), [tail, "head"])
        self.expect("every row deleted", lambda s: s.sql("DELETE FROM events"), [1, self.rows[0]["stream"], "head"])
        self.expect("a row doubled behind the end", lambda s: insert(s, self.rows[self.places["middle"]], len(self.rows) + 1),
                    [len(self.rows) + 1])
        self.expect("a well-chained row forged behind the end", lambda s: forge(s, self.rows), [len(self.rows) + 1, "head"])
        self.expect("the last row rewritten with a right hash", lambda s: rewrite_last(s, self.rows), [len(self.rows), "head"])

    def head_of_the_store(self):
        """What the store itself notes as its end."""
        stream = self.rows[-1]["stream"]
        for column, kind in self.head_columns:
            self.expect(f"column {column} of the store's head changed",
                        lambda s, c=column, k=kind: s.sql(f"UPDATE heads SET {c} = ?", other(len(self.rows) if k == "INTEGER" else stream, k)),
                        ["head", stream])
        self.expect("the store's head deleted", lambda s: s.sql("DELETE FROM heads"), ["head", stream])
        self.expect("the last row deleted and the store's head set back to fit", lambda s: set_back(s, self.rows),
                    [len(self.rows), "head", "outbox"])

    def rows_exchanged(self):
        a, b = self.rows[2], self.rows[5]
        self.expect("the lines of two rows exchanged", lambda s: exchange(s, "line", a, b), [a["seq"], b["seq"]])
        self.expect("the places of two rows exchanged", lambda s: exchange(s, "seq", a, b), [a["seq"], b["seq"]])

    def curves(self):
        files = Store(self.fresh, self.folder / "changed").curves()
        self.checks.check("there are at least two curves", len(files) >= 2, str(len(files)))
        names_ = [f.name for f in files]
        first = names_[0]
        for name, change in (
            ("one bit of a curve flipped at its start", lambda f: flip(f, 0)),
            ("one bit of a curve flipped in its middle", lambda f: flip(f, f.stat().st_size // 2)),
            ("one bit of a curve flipped at its end", lambda f: flip(f, f.stat().st_size - 1)),
            ("a curve cut short", lambda f: f.write_bytes(f.read_bytes()[:-1])),
            ("a curve made longer", lambda f: f.write_bytes(f.read_bytes() + b"\0")),
            ("a curve emptied", lambda f: f.write_bytes(b"")),
            ("a curve deleted", lambda f: f.unlink()),
        ):
            self.expect(name, lambda s, c=change: (c(s.curves()[0]), 1)[1], [first])
        self.expect("two curves exchanged", lambda s: (swap_files(*s.curves()[:2]), 1)[1], [names_[0], names_[1]])
        self.expect("every curve deleted", lambda s: [f.unlink() for f in s.curves()] and 1, [first])

    def heads(self):
        """The exported heads find what the machine's own outbox was made to forget."""
        heads = self.folder / "heads.json"
        ended = cellwright("dhr", "heads", "--state", self.fresh, "--out", heads)
        self.checks.equal("dhr heads ends with 0", ended.code, 0)
        copy = Store(self.fresh, self.folder / "changed")
        copy.forget_outbox()
        code, found = copy.verify("--heads", heads)
        self.checks.equal("without the outbox: the fresh store holds against exported heads",
                          (code, found.get("head_checked")), (0, "heads.json"))
        self.expect("without the outbox: the last row deleted and the store's head set back",
                    lambda s: s.forget_outbox() and set_back(s, self.rows), [len(self.rows), "head"], ("--heads", heads))


def rows_of(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT rowid AS rowid, * FROM events ORDER BY stream, seq")]


def columns_of(path, table):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [(row[1], row[2].upper()) for row in db.execute(f"PRAGMA table_info({table})")]


def other(value, kind):
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1_000_000 if kind == "INTEGER" else value + 1
    if isinstance(value, float):
        return value + 0.5
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    if value is None:
        return 1 if kind == "INTEGER" else "x"
    return value[:-1] + ("0" if value[-1:] != "0" else "1")


def leaves_of(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path, value
        return
    for key, inner in items:
        yield from leaves_of(inner, (*path, key))


def put(event, path, value):
    copy = json.loads(json.dumps(event))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


def hash_of(event):
    return hashlib.sha256(jcs({k: v for k, v in event.items() if k != "hash"}).encode()).hexdigest()


def names(problem, place):
    """Whether a problem says that place: a seq as `stream:seq` or within `events A to B`, else as text."""
    if not isinstance(place, int):
        return place in f"{problem['where']} {problem['what']}"
    if problem["where"].endswith(f":{place}"):
        return True
    ranges = re.findall(r"events? (\d+)(?: to (\d+))?", problem["what"])
    return any(int(low) <= place <= int(high or low) for low, high in ranges)


def insert(store, row, seq):
    fields = {k: v for k, v in row.items() if k != "rowid"} | {"seq": seq}
    marks = ", ".join("?" * len(fields))
    return store.sql(f"INSERT INTO events ({', '.join(fields)}) VALUES ({marks})", *fields.values())


def forge(store, rows):
    last = json.loads(rows[-1]["line"])
    seq = rows[-1]["seq"] + 1
    event = last | {"seq": type(last["seq"])(seq), "id": last["id"].rsplit(":", 1)[0] + f":{seq}", "prevhash": last["hash"]}
    event["hash"] = hash_of(event)
    return insert(store, rows[-1] | renewed(rows[-1], event), seq)


def rewrite_last(store, rows):
    event = json.loads(rows[-1]["line"])
    event["data"]["program"] = "another 9.9.9"
    event["hash"] = hash_of(event)
    new = renewed(rows[-1], event)
    sets = ", ".join(f"{key} = ?" for key in new)
    return store.sql(f"UPDATE events SET {sets} WHERE rowid = ?", *new.values(), rows[-1]["rowid"])


def renewed(row, event):
    """The columns of a row that follow from its event."""
    new = {"line": jcs(event)}
    new.update({k: event[k] for k in ("hash", "prevhash", "id") if k in row})
    return new


def set_back(store, rows):
    before = rows[-2]
    store.sql("UPDATE heads SET seq = ?, hash = ?", before["seq"], before["hash"])
    return store.sql("DELETE FROM events WHERE rowid = ?", rows[-1]["rowid"])


def exchange(store, column, a, b):
    if column == "seq":
        store.sql("UPDATE events SET seq = -1 WHERE rowid = ?", a["rowid"])
        store.sql("UPDATE events SET seq = ? WHERE rowid = ?", a["seq"], b["rowid"])
        return store.sql("UPDATE events SET seq = ? WHERE rowid = ?", b["seq"], a["rowid"])
    store.sql(f"UPDATE events SET {column} = ? WHERE rowid = ?", b[column], a["rowid"])
    return store.sql(f"UPDATE events SET {column} = ? WHERE rowid = ?", a[column], b["rowid"])


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x01
    path.write_bytes(data)


def swap_files(a, b):
    first, second = a.read_bytes(), b.read_bytes()
    a.write_bytes(second)
    b.write_bytes(first)


def main():
    checks = Checks()
    folder = workdir("mutations")
    fresh = folder / "fresh"
    run = cellwright("run", "--units", UNITS, "--seed", SEED, "--json", "--state", fresh, cwd=folder, timeout=240)
    if not checks.equal("the run ends with 0", run.code, 0):
        print(run.err[-2000:])
        checks.end()
    code, found = Store(fresh, folder / "changed").verify()
    checks.equal("the fresh store, copied: exit 0 and no problem", (code, found["ok"], found["problems"]), (0, True, []))
    mutations = Mutations(checks, fresh, folder)
    checks.note(f"{len(mutations.rows)} rows")
    mutations.each_column()
    mutations.each_value()
    mutations.rows_missing_and_extra()
    mutations.head_of_the_store()
    mutations.rows_exchanged()
    mutations.curves()
    mutations.heads()
    checks.end()


if __name__ == "__main__":
    main()
