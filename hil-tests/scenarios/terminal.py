"""The live view in a real terminal (tmux): a person drives the cell by keys alone and reads what the screen
says; once more the plain default, which completes by itself; and a terminal that is given back in order.
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import PROGRAM, SKIPPED, Checks, workdir

checks = Checks()
BOUND_S = 90
"""For anything to show: a unit takes some twelve seconds on a machine that has time."""


class Terminal:
    """A tmux session of its own, with one command in it."""

    def __init__(self, command, width=100, height=40):
        self.dir = workdir("terminal")
        self.status = self.dir / "status"
        line = f"{shlex.join(map(str, command))}; echo $? > {shlex.quote(str(self.status))}; stty -a; exec sleep 600"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height, "sh", "-c", line)

    def tmux(self, *words):
        env = {k: v for k, v in os.environ.items() if k != "TMUX"} | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        command = ["tmux", "-u", "-S", str(self.dir / "socket"), *map(str, words)]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30)

    def screen(self):
        return self.tmux("capture-pane", "-p").stdout

    def keys(self, *keys):
        for key in keys:
            self.tmux("send-keys", key)

    def until(self, pattern, seconds=BOUND_S):
        """The first screen on which the pattern stands; None if it did not come."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            screen = self.screen()
            if re.search(pattern, screen):
                return screen
            time.sleep(0.1)
        return None

    def shows(self, what, pattern, seconds=BOUND_S):
        screen = self.until(pattern, seconds)
        checks.check(what, screen is not None, f"no {pattern!r} on\n{self.screen()}")
        return screen or ""

    def exit_status(self, seconds=BOUND_S):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            text = self.status.read_text().strip() if self.status.exists() else ""
            if text:
                return int(text)
            time.sleep(0.1)
        return None

    def close(self):
        self.tmux("kill-server")


def big(state):
    return re.escape(" ".join(state.upper()))


def driven_by_keys():
    t = Terminal([PROGRAM, "run", "--operator", "maria", "--units", "1", "--state", workdir("terminal-state") / "s"])
    screen = t.shows("the view is up in Aborted", big("Aborted"))
    checks.check("Clear is offered, Start is not", "[c]clear" in screen and "[s]start" not in screen, screen)
    t.keys("s")
    t.shows("a key that the state does not take says so", "start is not taken in Aborted", 10)
    t.keys("c")
    t.shows("c clears", big("Stopped"))
    t.keys("r")
    screen = t.shows("r resets", big("Idle"))
    checks.check("the order stands there", re.search(r"order \S+: 0 of 1 good", screen), screen)
    checks.check("the person at the keys too", "maria" in screen, screen)
    t.keys("s")
    screen = t.shows("s starts: a unit at its station with its step", r"load.*\(o\) CW-0+1 \S+")
    checks.check("in Execute", re.search(big("Execute"), screen), screen)
    t.shows("the press is on its way", r"\(o\) CW-0+1 press-cannula")
    t.keys("h")
    screen = t.shows("h holds", big("Held"))
    checks.check("Unhold is offered, Hold is not", "[u]unhold" in screen and "[h]hold" not in screen, screen)
    t.tmux("resize-window", "-x", 80, "-y", 24)
    t.shows("80 x 24 shows it as well", r"\[u\]unhold", 10)
    t.keys("u")
    t.shows("u goes on", big("Execute"))
    t.tmux("resize-window", "-x", 100, "-y", 40)
    t.shows("the force curve of the press", r"last press: CW-0+1")
    screen = t.shows("the recipe's question", r"QUESTION \d+ \(CW-0+1\): No visible damage")
    checks.check("its answers have their digits", "[1] ok" in screen and "[2] ng" in screen, screen)
    time.sleep(0.5)
    t.keys("1")
    t.shows("the answer stands in the log, with who gave it", r"answer +ok by maria")
    t.keys("x")
    t.shows("x stops", r"(?s)" + big("Stopped") + "|" + big("Completed"))
    t.keys("A")
    screen = t.shows("A aborts", big("Aborted"))
    t.keys("q")
    checks.equal("q ends it in order", t.exit_status(), 0)
    screen = t.shows("the summary on the shell's own screen", r"1 units: \d good, \d ng, \d interrupted", 10)
    checks.check("the terminal has its own modes again", re.search(r"(?<!-)icanon", screen) and re.search(r"(?<!-)echo ", screen), screen)
    t.close()


def an_alarm_by_its_first_cause():
    """Stop in the middle, and a typed answer: what `signals.py` does without a screen."""
    t = Terminal([PROGRAM, "run", "--operator", "maria", "--state", workdir("terminal-state") / "s"])
    t.shows("a second run is up", big("Aborted"))
    t.keys("c")
    t.shows("cleared", big("Stopped"))
    t.keys("m")
    t.shows("m changes the mode", r"mode Maintenance +good")
    t.keys("m")
    t.shows("on to Manual", r"mode Manual +good")
    t.keys("m")
    t.shows("and on to Production", r"mode Production +good")
    t.keys("r")
    t.shows("reset", big("Idle"))
    t.keys("s")
    t.shows("at work", big("Execute"))
    t.keys("x")
    t.shows("stopped in the middle", big("Stopped"))
    t.keys("C-c")
    checks.equal("Ctrl-C ends it in order", t.exit_status(), 0)
    t.close()


def the_default_completes():
    t = Terminal([PROGRAM, "run", "--units", "1", "--state", workdir("terminal-state") / "s"])
    screen = t.shows("the default shows the view, and its automatic operator", "automatic operator")
    t.shows("it works by itself", big("Execute"))
    t.keys("h")
    t.shows("a person may hold it", big("Held"))
    time.sleep(1)
    checks.check("and it waits for them", re.search(big("Held"), t.screen()), t.screen())
    t.keys("u")
    checks.equal("it completes by itself", t.exit_status(), 0)
    t.shows("and says what it made", r"1 units: \d good", 10)
    t.close()


def by_hand():
    """Mode Manual: the forms for scripts, then the screen, both over the socket of a cell that runs in a view."""
    state = workdir("terminal-state") / "s"
    cell = Terminal([PROGRAM, "run", "--operator", "maria", "--state", state])
    cell.shows("a cell to be moved by hand", big("Aborted"))

    def program(*words):
        return subprocess.run([PROGRAM, *words, "--state", state], capture_output=True, text=True, timeout=60)

    def axis(name):
        axes = json.loads(program("status", "--json").stdout)["axes"]
        return next(a for a in axes if a["name"] == name)

    cell.keys("c")
    cell.shows("cleared", big("Stopped"))
    refused = program("manual", "jog", "press_z", "+", "--for", "200ms")
    checks.check("refused in mode Production, in words", refused.returncode == 1 and "change to Manual" in refused.stderr, refused.stderr)
    checks.equal("ctl changes the mode", program("ctl", "mode", "manual").returncode, 0)
    before = axis("press_z")["actual"]
    moved = program("manual", "jog", "press_z", "+", "--for", "400ms")
    after = axis("press_z")
    checks.equal("a jog for 400 ms ends in order", (moved.returncode, moved.stderr), (0, ""))
    way = after["actual"] - before
    checks.check("it went its way at reduced speed", 2.0 < way < 4.9, f"{way} mm in 0.4 s at 20 mm/s at most, within the clear range")
    checks.check("and its drive is off again", not after["enabled"], after)
    table = program("manual", "jog", "table", "+", "--for", "300ms")
    checks.check("the table does not turn before the cobots were brought home", table.returncode == 1 and "home" in table.stderr, table.stderr)
    down = program("manual", "jog", "press_z", "+", "--for", "3s")
    checks.check("and the press stays within its clear range", axis("press_z")["actual"] <= 5.01, down.stdout)
    checks.equal("an output", program("manual", "set", "valve_fill", "on").returncode, 0)
    lamp = program("manual", "set", "lamp_red", "off")
    checks.check("not one of the panel's", lamp.returncode == 1 and "panel" in lamp.stderr, lamp.stderr)
    checks.equal("a gripper", program("manual", "grip", "robot_l", "close").returncode, 0)
    screen = Terminal([PROGRAM, "manual", "--state", state])
    screen.shows("the screen of mode Manual", r"MANUAL cannula-cell +Stopped Manual")
    at = axis("press_z")["actual"]
    screen.keys("Down", "Left", "Left", "Left", "Left")
    screen.shows("keys move the chosen axis", r"> axis +press_z")
    time.sleep(1)
    checks.check("towards the other end", axis("press_z")["actual"] < at - 0.5, axis("press_z"))
    screen.keys("q")
    checks.equal("q ends it", screen.exit_status(), 0)
    screen.close()
    checks.equal("back to Production", program("ctl", "mode", "production").returncode, 0)
    time.sleep(0.5)
    outputs = json.loads(program("status", "--json").stdout)["outputs_on"]
    checks.check("what was set is in its off state again", "valve_fill" not in outputs, outputs)
    cell.shows("who did it stands in the log", r"command +jog press_z \+ by \S+ \(ctl pid \d+\)", 10)
    cell.keys("q")
    checks.equal("the cell ends in order", cell.exit_status(), 0)
    cell.close()


def plain_on_request():
    t = Terminal([PROGRAM, "run", "--plain", "--units", "1", "--state", workdir("terminal-state") / "s"])
    screen = t.shows("--plain prints lines", r"Clearing +Clear by auto:twin")
    checks.check("and no view", "[h]hold" not in screen, screen)
    t.keys("C-c")
    checks.equal("it ends by Ctrl-C", t.exit_status(), 0)
    t.close()


if subprocess.run(["sh", "-c", "command -v tmux"], capture_output=True).returncode != 0:
    print("  skip  tmux is not there")
    sys.exit(SKIPPED)
driven_by_keys()
an_alarm_by_its_first_cause()
the_default_completes()
by_hand()
plain_on_request()
checks.end()
