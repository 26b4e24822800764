"""What the suites share: checks that are said one a line, the program under test, its events.

Nothing here is taken from the program: canonical JSON (RFC 8785) and the hash chain are written a
second time, so that both sides must be right to agree.
"""

import atexit
import contextlib
import hashlib
import json
import math
import os
import pathlib
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAM = os.environ.get("CELLWRIGHT", str(TARGET / "release" / "cellwright"))

STEP_OUTCOME = "cellwright.step.outcome"
UNIT_OPENED = "cellwright.unit.opened"
UNIT_RESULT = "cellwright.unit.result"
CELL_STATE = "cellwright.cell.state"
ALARM = "cellwright.alarm"

SKIPPED = 77
"""Exit status of a suite that could not be done on this machine but should be possible."""


class Checks:
    """Says each check on one line; the suite fails if any of them does not hold, or if there was none."""

    def __init__(self):
        self.held = 0
        self.failed = []
        self.skipped = []

    def check(self, name, holds, reason=""):
        if holds:
            self.held += 1
            print(f"  ok    {name}", flush=True)
        else:
            self.failed.append(name)
            print(f"  FAIL  {name}: {reason}" if reason else f"  FAIL  {name}", flush=True)
        return bool(holds)

    def equal(self, name, actual, expected):
        return self.check(name, actual == expected, f"{short(actual)} instead of {short(expected)}")

    def skip(self, name, reason):
        self.skipped.append(name)
        print(f"  skip  {name}: {reason}", flush=True)

    def note(self, text):
        print(f"        {text}", flush=True)

    def end(self):
        if not self.held and not self.failed and not self.skipped:
            self.failed.append("nothing was checked")
        print(f"  {self.held} held, {len(self.failed)} did not, {len(self.skipped)} skipped", flush=True)
        if self.failed:
            sys.exit(1)
        sys.exit(SKIPPED if self.skipped else 0)


def short(value, limit=300):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[:limit] + " …"


# --- the program under test ---------------------------------------------------------------------

_running = []


@atexit.register
def _end_what_still_runs():
    for process in _running:
        if process.poll() is None:
            process.kill()
            process.wait()


def workdir(prefix):
    """A folder of this suite's own, gone at its end; kept where HIL_KEEP is set."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=f"cellwright-{prefix}-"))
    if "HIL_KEEP" not in os.environ:
        atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


class Ended:
    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    @property
    def text(self):
        return self.out + self.err

    def json(self):
        return json.loads(self.out)


def limits(file_bytes=None):
    """Run in the child before the program: no core files, and perhaps the largest file it may write."""

    def apply():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    return apply


def cellwright(*args, cwd=None, timeout=120, prefix=(), file_bytes=None):
    """Runs the program to its end, at most `timeout` seconds; a hang is exit code None."""
    began = time.monotonic()
    command = [*prefix, PROGRAM, *map(str, args)]
    process = subprocess.Popen(
        command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, errors="replace", preexec_fn=limits(file_bytes),
    )
    _running.append(process)
    try:
        out, err = process.communicate(timeout=timeout)
        code = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        code = None
    return Ended(code, out, err, time.monotonic() - began)


class Started:
    """The program (or another command) in the background, its output in files."""

    def __init__(self, args, log, cwd=None, command=None, file_bytes=None):
        self.log = pathlib.Path(log)
        self.out_path, self.err_path = self.log.with_suffix(".out"), self.log.with_suffix(".err")
        self.out, self.err = open(self.out_path, "wb"), open(self.err_path, "wb")
        full = command or [PROGRAM, *map(str, args)]
        self.process = subprocess.Popen(
            full, cwd=cwd, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err,
            preexec_fn=limits(file_bytes),
        )
        _running.append(self.process)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def signal(self, which):
        if self.alive():
            self.process.send_signal(which)

    def kill(self):
        """kill -9, and waits until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def wait(self, timeout):
        """Its exit code, or None if it still ran and was killed for it."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = None
        self.out.close()
        self.err.close()
        return code

    def stdout(self):
        return self.out_path.read_text(errors="replace")

    def stderr(self):
        return self.err_path.read_text(errors="replace")


class Commanded:
    """A run that a person commands by `ctl`: whoever stands on it sets `checks`, `state` (its directory) and `run`."""

    LOOK_EVERY_S = 0.05

    def ctl(self, *args):
        first = () if args[0] == "status" else ("ctl",)
        return cellwright(*first, *args, "--state", self.state, timeout=30)

    def status(self):
        seen = self.ctl("status", "--json")
        return json.loads(seen.out) if seen.code == 0 else {}

    def wait(self, state, timeout=60):
        reached = until(lambda: self.status().get("state") == state, timeout, step=self.LOOK_EVERY_S)
        return self.checks.check(f"it comes to {state}", reached,
                                 f"it is in {self.status().get('state')}; {short(self.run.stderr())}")

    def accepted(self, *args):
        ended = self.ctl(*args)
        return self.checks.check(f"ctl {' '.join(args)}: accepted", ended.code == 0 and "accepted" in ended.out,
                                 short(ended.text))


def until(condition, timeout, step=0.05):
    """Whether `condition` came true within `timeout` seconds."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(step)
    return bool(condition())


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listening(port):
    with socket.socket() as s:
        s.settimeout(0.2)
        return s.connect_ex(("127.0.0.1", port)) == 0


# --- events -------------------------------------------------------------------------------------


def complete_lines(text):
    """The lines that were written to their end: a killed program may leave half a one."""
    return [line for line in text.split("\n")[:-1] if line]


def printed_events(text):
    """The event lines of `run --json`: (parsed, line); the summary and other lines are left out."""
    events = []
    for line in complete_lines(text):
        try:
            parsed = json.loads(line)
        except ValueError:
            continue
        if isinstance(parsed, dict) and "hash" in parsed and "prevhash" in parsed:
            events.append((parsed, line))
    return events


def summary_of(text):
    """The summary, which is the last line of `run --json`; None if it is not there."""
    lines = complete_lines(text)
    try:
        return json.loads(lines[-1])["summary"] if lines else None
    except (ValueError, KeyError, TypeError):
        return None


def of_type(events, kind):
    return [event for event in events if event["type"] == kind]


def stored_lines(store):
    """Every event line of a DHR store, in the order of its streams."""
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=10)) as db:
        return [row[0] for row in db.execute("SELECT line FROM events ORDER BY stream, seq")]


def stored_events(store):
    return [json.loads(line) for line in stored_lines(store)]


def es6_number(value):
    """ECMAScript's Number::toString, which RFC 8785 asks for."""
    if isinstance(value, int):
        if abs(value) >= 2**53:
            raise ValueError(f"{value} is not exact in JSON")
        return str(value)
    if not math.isfinite(value):
        raise ValueError(f"{value} is no JSON number")
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = (whole + fraction).lstrip("0")
    point -= len(whole + fraction) - len(digits)
    digits = digits.rstrip("0")
    n, k = point, len(digits)
    if k <= n <= 21:
        text = digits + "0" * (n - k)
    elif 0 < n <= 21:
        text = f"{digits[:n]}.{digits[n:]}"
    elif -6 < n <= 0:
        text = "0." + "0" * -n + digits
    else:
        e = n - 1
        head = digits if k == 1 else f"{digits[0]}.{digits[1:]}"
        text = f"{head}e{'+' if e > 0 else '-'}{abs(e)}"
    return ("-" if value < 0 else "") + text


def jcs(value):
    """Canonical JSON by RFC 8785."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return es6_number(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(map(jcs, value)) + "]"
    pairs = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{jcs(v)}" for k, v in pairs) + "}"


def chain_faults(lines):
    """What does not hold in the chain of one stream, whose lines are in order from seq 1."""
    faults, before, seq = [], "0" * 64, 0
    for line in lines:
        event = json.loads(line)
        seq += 1
        where = event.get("id", f"line {seq}")
        if event["seq"] not in (seq, str(seq)):
            faults.append(f"{where}: seq {event['seq']} where {seq} belongs")
        if event["prevhash"] != before:
            faults.append(f"{where}: prevhash is not the hash before it")
        if jcs(event) != line:
            faults.append(f"{where}: the line is not canonical")
        without = {key: value for key, value in event.items() if key != "hash"}
        if hashlib.sha256(jcs(without).encode()).hexdigest() != event["hash"]:
            faults.append(f"{where}: hash is not that of its content")
        before = event["hash"]
    return faults


def paths_of_units(events):
    """For each unit, in the order they were opened: its result, cause and the outcome of each attempt."""
    units, order = {}, []
    for event in events:
        serial = event["data"].get("serial")
        if event["type"] == UNIT_OPENED:
            order.append(serial)
            units[serial] = {"result": None, "cause": None, "steps": []}
        elif event["type"] == STEP_OUTCOME:
            data = event["data"]
            units[serial]["steps"].append((data["n"], data["attempt"], data["step"], data["outcome"]))
        elif event["type"] == UNIT_RESULT:
            units[serial].update(result=event["data"]["result"], cause=event["data"]["cause"])
    for unit in units.values():
        unit["steps"].sort()
    return [(serial, units[serial]) for serial in order]
