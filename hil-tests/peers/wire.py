#!/usr/bin/env python3
"""Main devices that no one here wrote, against the twin's segment on a pair of virtual interfaces.

pysoem (SOEM) and kickcat scan, read SII and object dictionary, go to OP (pysoem with distributed clocks and SYNC0),
enable every drive through 6040/6041 and move it a little in CSP. All that they read equals the cell file and the
READMEs of the device families; tshark finds nothing malformed in what went over the wire. `cellwright scan` says the
same as both, while they run too. pysoem then finds its way through the same cell with a branch.

To be run in a network namespace of its own: hil-tests/run does that (suite `peers`).
"""

import contextlib
import datetime
import json
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from random import Random

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import ROOT, Checks, cellwright, until, workdir
from wires import ip, start_twin, veth_pair

OURS, THEIRS = "cwpeer0", "cwpeer1"
CYCLE = 0.004
"""Seconds between frames: what Python keeps on a shared machine."""

# Order names, and (index, subindex, bits) of what is mapped: drivers/*/README.md.
CHANNELS = range(1, 17)
RX, TX = "RxPDO", "TxPDO"
KINDS = {
    "coupler": ("CW-CP100", {}),
    "digital-input-16": ("CW-DI16", {TX: [(0x6000, n, 1) for n in CHANNELS]}),
    "digital-output-16": ("CW-DO16", {RX: [(0x7000, n, 1) for n in CHANNELS]}),
    "analog-input-4": ("CW-AI4", {TX: [(0x6000 + 16 * n, sub, 16) for n in range(4) for sub in (0x01, 0x11)]}),
    "servo-cia402": ("CW-SV1", {
        RX: [(0x6040, 0, 16), (0x6060, 0, 8), (0, 0, 8), (0x607A, 0, 32), (0x6071, 0, 16), (0x60FF, 0, 32)],
        TX: [(0x6041, 0, 16), (0x6061, 0, 8), (0, 0, 8), (0x6064, 0, 32), (0x606C, 0, 32), (0x6077, 0, 16),
             (0x60F4, 0, 32), (0x603F, 0, 16)],
    }),
}
SERVO_OUT, SERVO_IN = struct.Struct("<HbxiHi"), struct.Struct("<HbxiihiH")
CSP = 8
# Statusword, CiA 402: the bits that tell a state, and that of Operation enabled.
STATE_BITS, ENABLED = 0x6F, 0x27


def segment():
    """The SubDevices of cell.yaml, read here line by line: (kind, vendor, product, revision, serial)."""
    text = (ROOT / "cells/cannula-cell/cell.yaml").read_text()
    rows = re.findall(r"\{ name: \w+, +kind: ([\w-]+), +vendor: (\w+), +product: (\w+), +revision: (\w+), +serial: (\d+) \}",
                      text)
    return [(kind, *(int(value, 0) for value in numbers)) for kind, *numbers in rows]


def drives(cell):
    return [position for position, (kind, *_) in enumerate(cell) if kind == "servo-cia402"]


def bits(kind, direction):
    return sum(entry[2] for entry in KINDS[kind][1].get(direction, []))


@contextlib.contextmanager
def twin(folder, name, *more):
    """The segment at the far end; ended in order, its counters read."""
    process, _ = start_twin(folder / f"twin-{name}", THEIRS, *more)
    ended = {}
    try:
        yield ended
    finally:
        process.signal(signal.SIGTERM)
        ended["code"] = process.wait(20)
        ended["counters"] = json.loads(process.stdout().splitlines()[-1]).get("ended")


def controlword(status):
    """The next step to Operation enabled (CiA 402, state machine)."""
    if status & 0x4F == 0x08:
        return 0x80
    return {0x40: 0x06, 0x21: 0x07, 0x23: 0x0F, 0x27: 0x0F}.get(status & (0x4F if status & 0x4F == 0x40 else STATE_BITS), 0x06)


class Axes:
    """Every drive: enabled without a jump, moved by `way` counts, and back to rest."""

    def __init__(self, count, way):
        self.target = [None] * count
        self.first = [None] * count
        self.enabled_at = [None] * count
        self.worst_jump = 0
        self.way = way
        self.status = [0] * count
        self.position = [0] * count

    def step(self, i, inputs, cycle):
        """What to send to drive `i` that said `inputs`."""
        status, _, position, *_ = SERVO_IN.unpack(inputs)
        self.status[i], self.position[i] = status, position
        enabled = status & STATE_BITS == ENABLED
        if not enabled or self.target[i] is None:
            # Until it holds, the target follows what is.
            self.target[i] = self.first[i] = position
        elif self.enabled_at[i] is None:
            self.enabled_at[i] = cycle
            self.worst_jump = max(self.worst_jump, abs(position - self.first[i]))
        elif self.target[i] < self.first[i] + self.way:
            self.target[i] += max(1, self.way // 100)
        return SERVO_OUT.pack(controlword(status), CSP, self.target[i], 0, 0)

    def arrived(self, within):
        return all(first is not None and status & STATE_BITS == ENABLED and abs(position - first - self.way) <= within
                   for first, position, status in zip(self.first, self.position, self.status))


def check_axes(checks, who, axes):
    checks.check(f"{who}: every drive is enabled", all(at is not None for at in axes.enabled_at), str(axes.status))
    checks.check(f"{who}: none jumps when it is enabled", axes.worst_jump <= 5, f"{axes.worst_jump} counts")
    moved = [position - first for first, position in zip(axes.first, axes.position)]
    checks.check(f"{who}: each has moved by {axes.way} counts in CSP", axes.arrived(5), str(moved))


# --- pysoem ---------------------------------------------------------------------------------------------------


def with_pysoem(checks, cell):
    import pysoem

    master = pysoem.Master()
    master.open(OURS)
    try:
        found = master.config_init()
        if not checks.equal("pysoem: finds every SubDevice", found, len(cell)):
            return
        read = [(s.name, s.man, s.id, s.rev) for s in master.slaves]
        expected = [(KINDS[kind][0], vendor, product, revision) for kind, vendor, product, revision, _ in cell]
        checks.equal("pysoem: names and identities are those of the cell", read, expected)
        serials = [int.from_bytes(s.eeprom_read(0x0E), "little") for s in master.slaves]
        checks.equal("pysoem: serials by SII", serials, [serial for *_, serial in cell])
        pysoem_dictionary(checks, master, cell)
        pysoem_cycle(checks, pysoem, master, cell)
    finally:
        master.state = pysoem.INIT_STATE
        master.write_state()
        master.close()


def mapping(value):
    return value >> 16, value >> 8 & 0xFF, value & 0xFF


def pysoem_dictionary(checks, master, cell):
    coe = [(s, row) for s, row in zip(master.slaves, cell) if row[0] in ("servo-cia402", "analog-input-4")]
    for slave, (kind, vendor, product, revision, serial) in coe:
        word = lambda sub: int.from_bytes(slave.sdo_read(0x1018, sub), "little")
        checks.equal(f"pysoem: 1018 of {kind} {serial}", [word(n) for n in (1, 2, 3, 4)], [vendor, product, revision, serial])
        checks.equal(f"pysoem: 1008 of {kind} {serial}", slave.sdo_read(0x1008, 0).decode(), KINDS[kind][0])
    slave, (kind, *_) = coe[-1]
    for direction, assignment in ((RX, 0x1C12), (TX, 0x1C13)):
        entries = []
        for n in range(slave.sdo_read(assignment, 0)[0]):
            index = int.from_bytes(slave.sdo_read(assignment, n + 1), "little")
            count = slave.sdo_read(index, 0)[0]
            entries += [mapping(int.from_bytes(slave.sdo_read(index, sub + 1), "little")) for sub in range(count)]
        checks.equal(f"pysoem: the {direction} of a drive by CoE", entries, KINDS[kind][1][direction])
    whole = slave.sdo_read(0x1018, 0, ca=True)
    checks.equal("pysoem: complete access of 1018", whole[2:], b"".join(slave.sdo_read(0x1018, n) for n in (1, 2, 3, 4)))
    objects = {o.index: o for o in slave.od}
    checks.check("pysoem: SDO information lists the object dictionary", len(objects) > 35, str(sorted(map(hex, objects))))
    named = {index: objects[index].name.decode() for index in (0x6040, 0x6041, 0x607A, 0x1018) if index in objects}
    checks.equal("pysoem: and names what stands in it", named,
                 {0x6040: "Controlword", 0x6041: "Statusword", 0x607A: "Target position", 0x1018: "Identity"})
    target = objects[0x607A].entries[0] if objects[0x607A].entries else objects[0x607A]
    checks.equal("pysoem: 607A is a DINT of 32 bits", (target.data_type, target.bit_length), (0x0004, 32))
    unreadable = []
    for index, entry in objects.items():
        try:
            slave.sdo_read(index, 0, 256)
        except Exception as error:  # noqa: BLE001
            unreadable.append((hex(index), str(error)))
    checks.equal("pysoem: every object of the list can be read", unreadable, [])
    slave.sdo_write(0x60C2, 1, bytes([int(CYCLE * 1000)]))
    checks.equal("pysoem: what is written is read", slave.sdo_read(0x60C2, 1), bytes([int(CYCLE * 1000)]))


def pysoem_cycle(checks, pysoem, master, cell):
    for slave, (kind, *_) in zip(master.slaves, cell):
        if kind == "servo-cia402":
            slave.sdo_write(0x60C2, 1, bytes([int(CYCLE * 1000)]))
    master.config_map()
    sizes = [(len(s.output) * 8, len(s.input) * 8) for s in master.slaves]
    checks.equal("pysoem: process data of every SubDevice", sizes,
                 [(bits(kind, RX), bits(kind, TX)) for kind, *_ in cell])
    checks.check("pysoem: distributed clocks", master.config_dc())
    for position in drives(cell):
        master.slaves[position].dc_sync(act=True, sync0_cycle_time=int(CYCLE * 1e9))
    state = master.state_check(pysoem.SAFEOP_STATE, 2_000_000)
    checks.equal("pysoem: SAFE-OP", state, pysoem.SAFEOP_STATE)
    master.state = pysoem.OP_STATE
    axes, positions, good = Axes(len(drives(cell)), 500), drives(cell), 0
    asked, scan, differences = False, None, []
    began = time.monotonic()
    for cycle in range(1_500):
        master.send_processdata()
        good += master.receive_processdata(20_000) == master.expected_wkc
        if not asked:
            master.write_state()
            asked = True
        for i, position in enumerate(positions):
            slave = master.slaves[position]
            slave.output = axes.step(i, slave.input, cycle)
        if cycle == 600:
            scan = subprocess.Popen(scan_command(), stdout=subprocess.PIPE, text=True)
        if cycle > 900 and axes.arrived(5) and scan.poll() is not None:
            break
        time.sleep(max(0, began + (cycle + 1) * CYCLE - time.monotonic()))
    master.read_state()
    checks.equal("pysoem: every SubDevice is in OP", {s.state for s in master.slaves}, {pysoem.OP_STATE})
    checks.check("pysoem: working counters are right", good >= 0.98 * (cycle + 1), f"{good} of {cycle + 1}")
    check_axes(checks, "pysoem", axes)
    out, _ = scan.communicate(timeout=20)
    devices = json.loads(out)
    checks.equal("scan beside it: every SubDevice is in OP", {d["state"] for d in devices}, {"OP"})
    checks.check("scan beside it: SYNC0 of every drive",
                 all(devices[p]["dc"]["sync0_cycle"] == int(CYCLE * 1e9) for p in positions))
    checks.check("scan beside it: delays grow along the line",
                 all(a["dc"]["delay"] < b["dc"]["delay"] for a, b in zip(devices[1:], devices[2:])),
                 str([d["dc"]["delay"] for d in devices]))
    apart = [abs(d["dc"]["difference"]) for d in devices[1:]]
    checks.check("scan beside it: clocks that run apart are together within 1 µs", max(apart) < 1_000, str(apart))


# --- a branch ---------------------------------------------------------------------------------------------------

BRANCH = ("do_1", "{ device: coupler, port: 2 }")
"""Where the cell of the second round branches: from this SubDevice on the rest hangs at port 2 of the coupler."""


def branched(folder):
    """The cell with a branch, in a folder of its own."""
    cell = folder / "branched"
    cell.mkdir()
    text = (ROOT / "cells/cannula-cell/cell.yaml").read_text()
    name, after = BRANCH
    text, count = re.subn(rf"(\{{ name: {name}, .*serial: \d+) \}}", rf"\1, after: {after} }}", text)
    assert count == 1, f"{name} stands in cell.yaml in another form"
    (cell / "cell.yaml").write_text(text)
    (cell / "plant.yaml").write_text((ROOT / "cells/cannula-cell/plant.yaml").read_text())
    return cell


def with_branch(checks, cell):
    import pysoem

    master = pysoem.Master()
    master.open(OURS)
    try:
        if not checks.equal("branch: pysoem finds every SubDevice", master.config_init(), len(cell)):
            return
        master.config_map()
        checks.check("branch: pysoem sets up distributed clocks", master.config_dc())
        master.state_check(pysoem.SAFEOP_STATE, 2_000_000)
        master.read_state()
        checks.equal("branch: SAFE-OP", {s.state for s in master.slaves}, {pysoem.SAFEOP_STATE})
        # Last of all: the frames of a scan wait at pysoem's socket, too, which tells its own by eight bits only.
        scanned = cellwright("scan", "--iface", OURS, "--json").json()
        open_ports = [[port for port, p in enumerate(d["ports"]) if not p["loop_closed"]] for d in scanned]
        split = 3
        ends = {split - 1, len(cell) - 1}
        expected = [[0, 1, 2]] + [[0] if p in ends else [0, 1] for p in range(1, len(cell))]
        checks.equal("branch: ports that are open", open_ports, expected)
        # In hops behind the first one: out to the end of the first branch and back, then into the second one.
        hops = [p if p < split else p + split - 1 for p in range(len(cell))]
        delays = [d["dc"]["delay"] for d in scanned]
        hop = delays[1]
        checks.check("branch: pysoem measures the way that a frame takes",
                     hop > 0 and all(abs(delay - n * hop) <= n for delay, n in zip(delays, hops)), str(delays))
    finally:
        master.state = pysoem.INIT_STATE
        master.write_state()
        master.close()


def with_assigned(checks, cell):
    """Another main device's own choice of process data: the fixed pair of one drive instead of what it has otherwise."""
    import pysoem

    # 6040, 607A; 603F, 6041, 6064: drivers/servo-cia402/README.md.
    rx, tx = struct.Struct("<Hi"), struct.Struct("<HHi")
    master = pysoem.Master()
    master.open(OURS)
    try:
        if not checks.equal("assigned: pysoem finds every SubDevice", master.config_init(), len(cell)):
            return
        position = drives(cell)[0]
        slave = master.slaves[position]
        for assignment, pdo in ((0x1C12, 0x1701), (0x1C13, 0x1B01)):
            slave.sdo_write(assignment, 0, bytes([0]))
            slave.sdo_write(assignment, 1, pdo.to_bytes(2, "little"))
            slave.sdo_write(assignment, 0, bytes([1]))
        try:
            slave.sdo_write(0x1701, 0, bytes([0]))
            refused = None
        except pysoem.SdoError as error:
            refused = error.abort_code
        checks.equal("assigned: its mapping is read-only", refused, 0x06010002)
        slave.sdo_write(0x6060, 0, bytes([CSP]))
        slave.sdo_write(0x60C2, 1, bytes([int(CYCLE * 1000)]))
        master.config_map()
        checks.equal("assigned: process data of the drive", (len(slave.output), len(slave.input)), (rx.size, tx.size))
        state = master.state_check(pysoem.SAFEOP_STATE, 2_000_000)
        checks.equal("assigned: SAFE-OP", state, pysoem.SAFEOP_STATE)
        master.state = pysoem.OP_STATE
        target, first, way, position_now, status = None, None, 400, 0, 0
        began = time.monotonic()
        for cycle in range(1_000):
            master.send_processdata()
            master.receive_processdata(20_000)
            if cycle == 0:
                master.write_state()
            error, status, position_now = tx.unpack(slave.input)
            if status & STATE_BITS != ENABLED or target is None:
                target = first = position_now
            elif target < first + way:
                target += 4
            slave.output = rx.pack(controlword(status), target)
            if status & STATE_BITS == ENABLED and abs(position_now - first - way) <= 5:
                break
            time.sleep(max(0, began + (cycle + 1) * CYCLE - time.monotonic()))
        checks.check("assigned: the drive is enabled and has moved by 400 counts",
                     status & STATE_BITS == ENABLED and abs(position_now - first - way) <= 5 and error == 0,
                     f"status {status:#06x}, error {error:#06x}, {position_now - first} counts")
    finally:
        master.state = pysoem.INIT_STATE
        master.write_state()
        master.close()


# --- kickcat --------------------------------------------------------------------------------------------------


def with_kickcat(checks, cell):
    import kickcat

    second = datetime.timedelta(seconds=1)
    link = kickcat.create_link(OURS, "")
    link.set_timeout(datetime.timedelta(milliseconds=10))
    bus = kickcat.Bus(link)
    bus.init(datetime.timedelta(milliseconds=100))
    slaves = bus.slaves()
    if not checks.equal("kickcat: finds every SubDevice", len(slaves), len(cell)):
        return
    positions = drives(cell)
    for position in positions:
        _, vendor, product, revision, serial = cell[position]
        slave = slaves[position]
        word = lambda sub: int.from_bytes(bus.read_sdo(slave, 0x1018, sub, kickcat.Access.PARTIAL, 4, second), "little")
        checks.equal(f"kickcat: 1018 of drive {serial}", [word(n) for n in (1, 2, 3, 4)], [vendor, product, revision, serial])
    described = bus.read_object_description(slaves[positions[0]], 0x6040)
    checks.check("kickcat: SDO information names 6040", "Controlword" in " ".join(described), str(described))
    bus.create_mapping()
    sizes = [(s.output_size * 8, s.input_size * 8) for s in slaves]
    checks.equal("kickcat: process data of every SubDevice", sizes,
                 [(bits(kind, RX), bits(kind, TX)) for kind, *_ in cell])
    bus.request_state(kickcat.State.SAFE_OP)
    bus.wait_for_state(kickcat.State.SAFE_OP, second)
    for slave in slaves:
        slave.set_output_bytes(bytes(slave.output_size))
    bus.process_data()
    bus.request_state(kickcat.State.OPERATIONAL)
    bus.wait_for_state(kickcat.State.OPERATIONAL, second, bus.process_data_no_check)
    checks.equal("kickcat: every SubDevice is in OP", {bus.get_state(s) for s in slaves}, {kickcat.State.OPERATIONAL})
    axes, lost = Axes(len(positions), 300), 0
    began = time.monotonic()
    for cycle in range(1_500):
        try:
            bus.process_data()
        except Exception:  # noqa: BLE001
            lost += 1
        for i, position in enumerate(positions):
            slaves[position].set_output_bytes(axes.step(i, slaves[position].input_data, cycle))
        if axes.arrived(5):
            break
        time.sleep(max(0, began + (cycle + 1) * CYCLE - time.monotonic()))
    checks.check("kickcat: working counters are right", lost <= 0.02 * (cycle + 1), f"{lost} of {cycle + 1} not")
    check_axes(checks, "kickcat", axes)
    bus.request_state(kickcat.State.INIT)


# --- cellwright scan, tshark ----------------------------------------------------------------------------------


def scan_command():
    from common import PROGRAM

    return [PROGRAM, "scan", "--iface", OURS, "--json"]


def with_scan(checks, cell):
    scanned = cellwright("scan", "--iface", OURS, "--json")
    if not checks.equal("scan ends with 0", scanned.code, 0):
        print(scanned.text)
        return
    devices = scanned.json()
    read = [(d["sii"]["name"], d["sii"]["vendor"], d["sii"]["product"], d["sii"]["revision"], d["sii"]["serial"])
            for d in devices]
    checks.equal("scan: names and identities are those of the cell", read, [(KINDS[k][0], *rest) for k, *rest in cell])
    for d, (kind, *_) in zip(devices, cell):
        for direction, word in ((RX, "outputs"), (TX, "inputs")):
            entries = [(e["index"], e["sub"], e["bits"])
                       for p in d["sii"]["pdos"] if p["direction"] == word for e in p["entries"]]
            checks.equal(f"scan: {direction} of {d['position']} {kind}", entries, KINDS[kind][1].get(direction, []))
    ends = [p["loop_closed"] for d in devices for p in d["ports"][:2]]
    checks.equal("scan: the line ends at its last SubDevice", ends, [False] * (2 * len(cell) - 1) + [True])
    nobody = cellwright("scan", "--iface", "lo", timeout=20)
    checks.check("scan where nobody answers: status 1, cause and remedy", nobody.code == 1 and "remedy" in nobody.err,
                 nobody.text)


def with_tshark(checks, capture):
    def count(display_filter):
        ended = subprocess.run(["tshark", "-r", capture, "-Y", display_filter, "-T", "fields", "-e", "frame.number"],
                               capture_output=True, text=True, timeout=120)
        if ended.returncode != 0:
            raise RuntimeError(ended.stderr)
        return len(ended.stdout.splitlines())

    frames = count("ecat")
    checks.check("tshark: thousands of EtherCAT frames went over the wire", frames > 5_000, str(frames))
    checks.equal("tshark: malformed frames", count("_ws.malformed"), 0)
    checks.check("tshark: SDO information is among them", count("ecat_mailbox.coe.sdoinfoopcode") > 0)


def with_noise(checks, cell):
    """What no main device sends: the segment answers what is EtherCAT, and nothing else stops it."""
    broadcast, source = b"\xff" * 6, bytes([0x10, 0x22, 0, 0, 0, 1])
    read_type = bytes.fromhex("0d10 07010000000001 00 0000 00 0000".replace(" ", ""))
    good = broadcast + source + b"\x88\xa4" + read_type
    tagged = broadcast + source + bytes.fromhex("81000005") + b"\x88\xa4" + read_type
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88A4)) as wire:
        wire.bind((OURS, 0))

        def answered(frame):
            wire.settimeout(0.5)
            wire.send(frame)
            with contextlib.suppress(TimeoutError):
                while True:
                    got, (*_, kind, _, _) = wire.recvfrom(2048)
                    if kind != socket.PACKET_OUTGOING:
                        return got
            return None

        got = answered(good)
        checks.check("noise: a frame of 29 bytes is answered by all", got is not None and got[-2:] == bytes([len(cell), 0]),
                     str(got))
        checks.equal("noise: one with a VLAN tag is not", answered(tagged), None)
        random = Random(7)
        wire.settimeout(0)
        for n in range(20_000):
            frame = bytearray(good + random.randbytes(random.randrange(1400)))
            for _ in range(random.randrange(4)):
                frame[random.randrange(14, len(frame))] = random.randrange(256)
            cut = frame[: random.randrange(15, len(frame) + 1)]
            with contextlib.suppress(BlockingIOError, OSError):
                wire.send(bytes(cut))
    after = cellwright("scan", "--iface", OURS, "--json")
    checks.check("noise: after a flood the segment is there", after.code == 0 and len(after.json()) == len(cell), after.text[:300])


def main():
    checks = Checks()
    folder, cell = workdir("peers"), segment()
    checks.equal("cell.yaml has nine SubDevices", len(cell), 9)
    ip("link", "set", "lo", "up")
    veth_pair(OURS, THEIRS)
    capture = folder / "wire.pcapng"
    tshark = subprocess.Popen(["tshark", "-i", OURS, "-w", capture, "-q"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    until(lambda: capture.exists() and capture.stat().st_size > 0, 20)
    for name, peer in (("scan", with_scan), ("pysoem", with_pysoem), ("assigned", with_assigned),
                       ("kickcat", with_kickcat)):
        with twin(folder, name) as ended:
            peer(checks, cell)
        checks.equal(f"{name}: the twin ends with 0", ended["code"], 0)
        counters = ended["counters"]
        checks.equal(f"{name}: the segment met nothing malformed", (counters["malformed"], counters["unsent"]), (0, 0))
    time.sleep(0.5)
    tshark.send_signal(signal.SIGINT)
    tshark.wait(30)
    with_tshark(checks, capture)
    with twin(folder, "branch", "--cell", branched(folder)) as ended:
        with_branch(checks, cell)
    checks.equal("branch: the twin ends with 0", ended["code"], 0)
    with twin(folder, "noise") as ended:
        with_noise(checks, cell)
    checks.equal("noise: the twin ends with 0", ended["code"], 0)
    checks.check("noise: what was malformed is counted", ended["counters"]["malformed"] > 1_000, str(ended["counters"]))
    checks.end()


if __name__ == "__main__":
    main()
