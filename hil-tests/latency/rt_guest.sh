#!/usr/bin/env bash
# Boots Debian's PREEMPT_RT kernel in qemu and runs the cell in it: in one process, over a wire, for latency; the last
# once more on Debian's ordinary kernel, which shows the difference.
#
#   rt_guest.sh PROGRAM WORKDIR
#
# WORKDIR keeps the unpacked kernel between calls. Environment:
#   LIMIT_S=600  wall seconds of one boot before it is given up
# Exit 0: it was an RT kernel, and everything the guest did ended with 0. Exit 77: no kernel package to be had.
#
# Time in the guest is counted instructions (-icount, 2^shift ns each), so the host's noise does not reach it. It
# shows that the program runs on an RT kernel with SCHED_FIFO and locked memory, its path length and its missed
# cycles; it says nothing about caches, SMIs or network cards. One CPU: controller, twin and load share it.
set -euo pipefail

program=$(realpath "$1")
work=$2
limit_s=${LIMIT_S:-600}
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")

kernel_in() { KERNEL=$1 "$here/../guest/make" "$2" "$here/../guest/rt.init" "$program" cyclictest ip; }

boot() {
  echo "  part $1, 2^$2 ns an instruction, $(readlink kernel.elf)"
  timeout "$limit_s" qemu-system-x86_64 -accel tcg -icount "shift=$2,sleep=off" -cpu max -smp 1 -m 768 \
    -nographic -no-reboot -nodefaults -serial stdio -kernel kernel.elf -initrd initrd.gz \
    -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr clocksource=tsc tsc=reliable part=$1" \
    </dev/null 2>&1 | tr -d '\r' | tee guest.log || true
  expect "$1: realtime=${3:-1}" "guest: realtime=${3:-1}( |$)"
  [ "${3:-1}" = 0 ] || expect_not "$1: SCHED_FIFO, pinning and locked memory were granted" '^guest: stderr warning'
  expect "$1: the guest came to its end" '^guest: end'
}

# A number of the guest's log, by a pattern with one group.
number() { grep -aE "$1" guest.log | sed -E "s/.*$1.*/\\1/" | tail -n 1 || true; }

# expect_number TEXT VALUE OPERATOR LIMIT
expect_number() {
  if [ -n "$2" ] && awk "BEGIN { exit !($2 $3 $4) }"; then echo "  ok    $1: $2 $3 $4"; else
    echo "  FAIL  $1: $2 is not $3 $4"
    failures=$((failures + 1))
  fi
}

failures=0
expect() {
  if grep -aEq "$2" guest.log; then echo "  ok    $1"; else echo "  FAIL  $1"; failures=$((failures + 1)); fi
}

expect_not() {
  if grep -aEq "$2" guest.log; then echo "  FAIL  $1"; failures=$((failures + 1)); else echo "  ok    $1"; fi
}

kernel_in linux-image-rt-amd64 "$work"
kernel_in linux-image-amd64 "$work/ordinary"
cd "$work"
boot run 3
expect "the run of one unit ends with 0" '^guest: run=0'
expect "one unit, decided" '^guest: last .*"units":1[,}]'
expect_number "cycles missed in the run, of $(number '^guest: last .*"cycles":([0-9]+)')" "$(number '^guest: last .*"missed_cycles":([0-9]+)')" == 0
expect "no working-counter error in the run" '^guest: last .*"wkc_errors":0[,}]'
expect "dhr verify finds nothing" '^guest: verify=0'
expect "doctor sees the real-time kernel" 'guest: doctor=.*"check":"preemption"[^}]*"grade":"ok"'
expect "doctor reads back priority and locked memory" 'guest: doctor=.*"check":"rtprio"[^}]*"grade":"ok".*"check":"memlock"[^}]*"grade":"ok"'

# Controller, twin and load on one CPU: at eight ns an instruction their work alone would fill the period.
boot wire 1
expect "controller and twin on a wire make a unit" '^guest: wire=0'
expect "the unit is decided" '^guest: wired .*"units":1[,}]'
expect_number "cycles missed, of $(number '^guest: wired .*"cycles":([0-9]+)')" "$(number '^guest: wired .*"missed_cycles":([0-9]+)')" == 0
expect "no working-counter error over the wire" '^guest: wired .*"wkc_errors":0[,}]'
expect "the twin ends with 0" '^guest: twin=0'
expect "dhr verify finds nothing in the wire's record" '^guest: wire-verify=0'

# Worst wake-up of cyclictest and of the cycle, in us of the guest.
worst_of_cyclictest() { number '^guest: cyclictest .*Max: *([0-9]+)'; }
worst_of_cycle() { awk "BEGIN { print $(number '^guest: bench=0 .*"wake_ns": ?[{][^}]*"max": ?([0-9]+)') / 1000 }"; }

boot latency 1
expect "bench ends with 0" '^guest: bench=0'
expect_number "cycles missed, of $(number '^guest: bench=0 .*"cycles": ?([0-9]+)')" "$(number '^guest: bench=0 .*"missed": ?([0-9]+)')" == 0
expect "nothing was allocated on the real-time thread" '^guest: bench=0 .*"allocations": ?0[,}]'
theirs=$(worst_of_cyclictest) ours=$(worst_of_cycle)
expect_number "worst wake-up in us, at most twice that of cyclictest" "$ours" "<=" "2 * ${theirs:-0}"

cd ordinary
boot difference 1 0
echo "        worst wake-up in us on the RT kernel: cyclictest $theirs, the cycle $ours"
echo "        and on the ordinary one: cyclictest $(worst_of_cyclictest), the cycle $(worst_of_cycle)"
expect_number "the ordinary kernel's worst wake-up of cyclictest is above" "$(worst_of_cyclictest)" ">" "2 * ${theirs:-0}"
exit $((failures > 0))
