"""The live view and the screen of mode Manual in a real terminal (tmux): a person drives the cell by keys alone
and reads what the screen says; once more the plain default, which completes by itself; and a terminal that is
given back in order.

Everything is waited for by what is seen, never for a time; a scenario in which something does not come ends
there, and the others go on.
"""

import contextlib
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import PROGRAM, SKIPPED, Checks, until, workdir

checks = Checks()
BOUND_S = 60
"""For anything to show: a unit takes some twelve seconds of real time, whatever else the machine does."""
SMALL, LARGE = (80, 24), (140, 45)


class Stuck(Exception):
    """What the scenario waited for did not come; it has been said."""


class Terminal:
    """A tmux session of its own, with one command in it."""

    def __init__(self, command, size):
        self.dir = workdir("terminal")
        self.status, self.modes = self.dir / "status", self.dir / "modes"
        said = f"stty -a > {shlex.quote(str(self.modes))}; echo $status > {shlex.quote(str(self.status))}"
        # Ctrl-C reaches the shell as well, which is to say afterwards what came of it.
        line = f"trap : INT; {shlex.join(map(str, command))}; status=$?; {said}; exec sleep 600"
        width, height = size
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height, "sh", "-c", line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tmux("kill-server")

    def tmux(self, *words):
        env = {k: v for k, v in os.environ.items() if k != "TMUX"} | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        command = ["tmux", "-u", "-S", str(self.dir / "socket"), *map(str, words)]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30)

    def screen(self):
        return self.tmux("capture-pane", "-p").stdout

    def keys(self, *keys, times=1):
        for key in keys:
            self.tmux("send-keys", "-N", times, key)

    def resize(self, size):
        self.tmux("resize-window", "-x", size[0], "-y", size[1])

    def sees(self, pattern, keys=(), times=1, seconds=BOUND_S):
        """The first screen on which the pattern stands, with the keys pressed before each further look; None if
        it did not come.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            screen = self.screen()
            if re.search(pattern, screen):
                return screen
            self.keys(*keys, times=times)
            time.sleep(0.05)
        return None

    def shows(self, what, pattern, **how):
        screen = self.sees(pattern, **how)
        if not checks.check(what, screen is not None, f"no {pattern!r} on\n{self.screen()}"):
            raise Stuck
        return screen

    def gone(self, what, pattern, keys=()):
        """Until it does not stand there any more, with the keys pressed after each look."""

        def is_gone():
            if not re.search(pattern, self.screen()):
                return True
            self.keys(*keys)
            return False

        if not checks.check(what, until(is_gone, BOUND_S), self.screen()):
            raise Stuck

    def ends(self, what, code=0):
        """The program has ended with this status, and the terminal has the modes that a shell left it."""
        until(lambda: self.status.exists() and self.status.read_text().strip(), BOUND_S)
        ended = self.status.read_text().strip() if self.status.exists() else None
        if not checks.equal(what, ended, str(code)):
            print(self.screen())
            raise Stuck
        modes = self.modes.read_text().replace(";", " ").split()
        lost = [m for m in ("icanon", "echo", "isig", "icrnl", "opost") if m not in modes]
        checks.check(f"{what}: the terminal has its own modes again", not lost, f"{lost} off in {' '.join(modes)}")


def big(state):
    """The state's name as it stands at the head of the view."""
    return re.escape(" ".join(state.upper()))


def run(size, *args, state=None, operator="maria"):
    person = ["--operator", operator] if operator else []
    state = state or workdir("terminal-state") / "s"
    return Terminal([PROGRAM, "run", *person, *args, "--state", state], size)


def to_execute(t):
    """Clear, Reset, Start by their keys, each once the view offers it."""
    t.shows("the view is up in Aborted", big("Aborted"))
    t.shows("Clear is offered, Start is not", r"\[c\]clear .* s start")
    t.keys("s")
    t.shows("a key that the state does not take says so", "start is not taken in Aborted")
    t.keys("c")
    t.shows("c clears", big("Stopped"))
    t.keys("r")
    t.shows("r resets", big("Idle"))
    t.shows("the order stands there, and the person at the keys", r"order \S+: 0 of \d+ good.* maria")
    t.keys("s")
    t.shows("s starts", big("Execute"))


def driven_by_keys(size):
    # More units than are needed: on a machine that misses cycles one of them may come out ng.
    with run(size, "--units", "4") as t:
        to_execute(t)
        t.shows("a unit at its station with its step", r"load.*\(o\) CW-0+1 \S+" if size == SMALL else r"\(o\) CW-0+1")
        t.shows("axes with where they are", r"press_z +-?\d+\.\d+")
        t.shows("at work nothing is to be started", r" s start \[h\]hold")
        t.shows("the press is on its way", "press-cannula")
        t.keys("h")
        t.shows("h holds", big("Held"))
        t.shows("Unhold is offered, Hold is not", r" h hold +\[u\]unhold")
        t.resize(LARGE if size == SMALL else SMALL)
        t.shows("another size shows it as well", r"(?s)H E L D.*\[u\]unhold")
        t.resize(size)
        t.keys("u")
        t.shows("u goes on", big("Execute"))
        t.shows("the force curve of the press", r"last press: CW-\d+")
        asked = r"QUESTION \d+ \(CW-\d+\): No visible damage"
        screen = t.shows("the recipe's question", asked)
        question = re.escape(re.search(r"QUESTION \d+", screen)[0])
        t.shows("its answers have their digits", r"\[1\] ok +\[2\] ng")
        # A digit that comes before the question can have been read is not taken: then once more.
        t.gone("1 answers it", rf"{question} ", keys=["1"])
        if size == LARGE:
            t.shows("the answer stands in the log, with who gave it", r"answer +ok by maria")
        t.shows("the unit is good", r"good [1-9]")
        t.shows("and the next ones at work", big("Execute"))
        t.keys("x")
        t.shows("x stops", big("Stopped"))
        t.keys("A")
        t.shows("A aborts", big("Aborted"))
        t.keys("q")
        t.ends("q ends it in order")
        t.shows("the summary stands on the shell's own screen", r"\d units: [1-9] good, \d ng, [1-9] interrupted")


def modes_in_turn(size):
    with run(size, "--units", "1") as t:
        t.shows("a second run is up", big("Aborted"))
        t.keys("c")
        t.shows("cleared", big("Stopped"))
        for mode in ("Maintenance", "Manual", "Production"):
            t.keys("m")
            t.shows(f"m changes the mode to {mode}", rf"mode {mode} +good")
        # Both reach the program at the same moment: neither may hide the other.
        for n in range(10):
            t.resize((LARGE, SMALL)[n % 2])
            key, word = (("s", "start"), ("u", "unhold"))[n % 2]
            t.keys(key)
            t.shows(f"a key that comes with a change of size is heard ({n + 1})", f"{word} is not taken in Stopped")
        t.keys("C-c")
        t.ends("Ctrl-C ends it in order")


def a_terminal_that_is_lost(size):
    """A window that is closed, a line that is cut: nobody is at the keys any more, so the cell is stopped."""
    state = workdir("terminal-state") / "s"
    with run(size, "--units", "4", state=state) as t:
        to_execute(t)
        t.shows("a unit is in work", "press-cannula")
        shell = t.tmux("list-panes", "-F", "#{pane_pid}").stdout.strip()
        pid = subprocess.run(["pgrep", "-P", shell], capture_output=True, text=True).stdout.strip()
        checks.check("the program is found", pid.isdigit(), f"{pid!r} below {shell!r}")
    # A process that has ended is gone: its shell is, and who takes its place reaps it.
    ended = until(lambda: not pid.isdigit() or ended_or_zombie(pid), BOUND_S)
    if not checks.check("without its terminal the program stops and ends", ended, f"{pid} still runs"):
        os.kill(int(pid), signal.SIGKILL)
    rows = subprocess.run([PROGRAM, "dhr", "list", "--json", "--state", state], capture_output=True, text=True, timeout=60)
    results = {row["serial"]: row["result"] for row in json.loads(rows.stdout)} if rows.returncode == 0 else rows.stderr
    checks.check("the record is whole: its units were interrupted", isinstance(results, dict) and "interrupted" in results.values(), results)


def ended_or_zombie(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def the_default_completes(size):
    with run(size, "--units", "1", operator=None) as t:
        t.shows("the default shows the view, and its automatic operator", "automatic operator")
        t.shows("it works by itself", big("Execute"))
        t.keys("h")
        t.shows("a person may hold it", big("Held"))
        # The operator looks at the cell once a cycle; that it leaves it alone shows in the seconds of the clock.
        clock = r"\(stops\) +(\d\d:\d\d:\d\d)"
        for second in ("a clock stands there", "it goes on"):
            seen = re.search(clock, t.shows(second, clock))
            t.gone("by a second", re.escape(seen[0]))
        checks.check("and it waits for them", re.search(big("Held"), t.screen()), t.screen())
        t.keys("u")
        t.ends("it completes by itself")
        t.shows("and says what it made", r"1 units: \d good")


def plain_on_request(size):
    with run(size, "--plain", "--units", "1", operator=None) as t:
        screen = t.shows("--plain prints lines", r"Clearing +Clear by auto:twin")
        checks.check("and no view", "[h]hold" not in screen, screen)
        t.keys("C-c")
        t.ends("it ends by Ctrl-C")


class Hands:
    """The forms of `cellwright manual` for scripts, and what the cell says of itself."""

    def __init__(self, state):
        self.state = state

    def program(self, *words):
        command = [PROGRAM, *words, "--state", str(self.state)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    def manual(self, *words):
        return self.program("manual", *words)

    def done(self, what, *words):
        ended = self.manual(*words)
        if not checks.equal(what, (ended.returncode, ended.stderr), (0, "")):
            raise Stuck
        return ended.stdout

    def refused(self, what, why, *words):
        ended = self.manual(*words)
        checks.check(what, ended.returncode == 1 and why in ended.stderr, f"{ended.returncode} {ended.stderr}")

    def status(self):
        return json.loads(self.program("status", "--json").stdout)

    def axis(self, name):
        return next(a for a in self.status()["axes"] if a["name"] == name)

    def robot(self, name):
        return next(r for r in self.status()["robots"] if r["name"] == name)

    def comes(self, what, condition):
        if not checks.check(what, until(condition, BOUND_S), self.status()):
            raise Stuck


def by_hand(size):
    """Mode Manual: the forms for scripts, then the screen, both over the socket of a cell that runs in a view."""
    state = workdir("terminal-state") / "s"
    hands = Hands(state)
    with run(LARGE, "--units", "1", state=state) as cell:
        cell.shows("a cell to be moved by hand", big("Aborted"))
        cell.keys("c")
        cell.shows("cleared", big("Stopped"))
        hands.refused("refused in mode Production, in words", "change to Manual", "jog", "press_z", "+", "--for", "200ms")
        checks.equal("ctl changes the mode", hands.program("ctl", "mode", "manual").returncode, 0)
        axes_by_hand(hands)
        outputs_by_hand(hands)
        screen_by_hand(hands, size)
        checks.equal("back to Production", hands.program("ctl", "mode", "production").returncode, 0)
        hands.comes("what was set is in its off state again", lambda: "valve_fill" not in hands.status()["outputs_on"])
        cell.shows("who did it stands in the log", r"command +\S.* by \S+ \(ctl pid \d+\)")
        hands.comes("and no drive is on", lambda: not any(a["enabled"] for a in hands.status()["axes"]))
        cell.shows("Reset is offered again", r"\[r\]reset")
        home_by_hand(cell, hands, size)
        cell.keys("q")
        cell.ends("the cell ends in order")


def axes_by_hand(hands):
    before = hands.axis("press_z")["actual"]
    hands.done("a jog towards the end of the clear range ends in order", "jog", "press_z", "+", "--for", "2s")
    rests = hands.axis("press_z")["actual"]
    checks.check("within the range", before + 2 < rests <= 5.0, f"from {before} to {rests} mm; clear up to 5 mm")
    hands.comes("its drive is off again", lambda: not hands.axis("press_z")["enabled"])
    began, at = time.monotonic(), hands.axis("table")["actual"]
    hands.done("with the press there the table turns", "jog", "table", "+", "--for", "300ms")
    way, took = hands.axis("table")["actual"] - at, time.monotonic() - began
    checks.check("at reduced speed", 1.0 < way < 48.0 * took, f"{way} deg in {took} s; 48 deg/s at the most")
    hands.refused("over a table between two stations the press stays in its range", "between two stations",
                  "jog", "press_z", "+", "--for", "200ms")


def outputs_by_hand(hands):
    hands.done("an output", "set", "valve_fill", "on")
    hands.comes("is on", lambda: "valve_fill" in hands.status()["outputs_on"])
    hands.refused("not one of the panel's", "panel", "set", "lamp_red", "off")
    hands.done("a gripper closes", "grip", "robot_l", "close")
    hands.done("and opens", "grip", "robot_l", "open")


def choose(screen, kind, name):
    """From the row that is chosen down to this one, by as many keys as there are rows between."""
    rows = screen.screen().splitlines()
    here = next(i for i, row in enumerate(rows) if row.startswith("> "))
    there = next(i for i, row in enumerate(rows) if re.match(rf"[> ] {kind} +{name} ", row))
    screen.keys("Down", times=there - here)
    screen.shows(f"keys choose {name}", rf"> {kind} +{name}")


def screen_by_hand(hands, size):
    with Terminal([PROGRAM, "manual", "--state", hands.state], size) as screen:
        screen.shows("the screen of mode Manual", r"MANUAL cannula-cell +Stopped Manual")
        screen.shows("all of it fits", r"(?s)cobot +robot_r +at home.*No enabling switch, no safety function")
        choose(screen, "axis", "press_z")
        at = hands.axis("press_z")["actual"]
        screen.keys("Left", times=3)
        hands.comes("a held key moves it towards the other end", lambda: hands.axis("press_z")["actual"] < at - 0.5)
        screen.shows("and it rests when the key is let go", r"jog press_z - ended")
        screen.keys("q")
        screen.ends("q ends it")


def home_by_hand(cell, hands, size):
    """A cobot that was stopped on its way keeps the table where it is, until it is brought home."""
    cell.keys("r")
    cell.shows("reset", big("Idle"))
    cell.keys("s")
    hands.comes("the cobot is on its way with a part", lambda: hands.robot("robot_l")["holding"])
    cell.keys("x")
    cell.shows("stopped there", big("Stopped"))
    checks.equal("in Manual again", hands.program("ctl", "mode", "manual").returncode, 0)
    checks.check("the cobot is not at home", not hands.robot("robot_l")["home"], hands.status()["robots"])
    hands.refused("so the table does not turn", "robot_l is not at home", "jog", "table", "+", "--for", "300ms")
    with Terminal([PROGRAM, "manual", "--state", hands.state], size) as screen:
        screen.shows("the screen says so too", r"cobot +robot_l +not at home +gripper holds a part")
        choose(screen, "cobot", "robot_l")
        screen.keys("h")
        screen.shows("a tap moves it for a moment", r"bring robot_l home ended: not renewed for 250 ms")
        screen.keys("q")
        screen.ends("the screen is left")
    said = hands.done("held, it comes home", "home", "robot_l")
    checks.check("and says so", "at home" in said and hands.robot("robot_l")["home"], said)
    hands.done("now the table turns", "jog", "table", "+", "--for", "300ms")
    cell.shows("who did it stands in the log", r"command +bring robot_l home ended: at home by \S+ \(ctl pid \d+\)")


SCENARIOS = [
    (driven_by_keys, SMALL),
    (driven_by_keys, LARGE),
    (modes_in_turn, SMALL),
    (a_terminal_that_is_lost, SMALL),
    (the_default_completes, LARGE),
    (by_hand, SMALL),
    (plain_on_request, SMALL),
]


def main():
    if subprocess.run(["sh", "-c", "command -v tmux"], capture_output=True).returncode != 0:
        print("  skip  tmux is not there")
        sys.exit(SKIPPED)
    began = time.monotonic()
    for scenario, size in SCENARIOS:
        checks.note(f"{scenario.__name__} on {size[0]} x {size[1]}, at {time.monotonic() - began:.0f} s")
        with contextlib.suppress(Stuck):
            scenario(size)
    checks.end()


if __name__ == "__main__":
    main()
