#!/usr/bin/env bash
# Boots Debian's PREEMPT_RT kernel in qemu and runs the cell in it: one unit, then a look at the record.
#
#   rt_guest.sh PROGRAM WORKDIR
#
# WORKDIR keeps the unpacked kernel between calls. Environment:
#   SHIFT=3      2^SHIFT virtual ns an instruction (1 for a latency figure, 3 to be quick)
#   LIMIT_S=600  wall seconds before it is given up
#   PKG          kernel package; the one that linux-image-rt-amd64 depends on, if left out
# Exit 0: it was an RT kernel, and everything the guest did ended with 0. Exit 77: no kernel package to be had.
#
# Time in the guest is counted instructions (-icount), so the host's noise does not reach it. It shows that
# the program runs on an RT kernel with SCHED_FIFO and locked memory, its path length and its missed cycles;
# it says nothing about caches, SMIs or network cards.
set -euo pipefail

program=$(realpath "$1")
work=$2
limit_s=${LIMIT_S:-600}

kernel_package() {
  echo "${PKG:-$(apt-cache depends linux-image-rt-amd64 2>/dev/null | awk '/Depends: linux-image/ { print $2; exit }')}"
}

# The ELF kernel inside the compressed image boots directly (PVH) and skips decompression.
unpack_kernel() {
  local package=$1
  rm -rf kernel ./*.deb
  apt-get download -q "$package" >/dev/null
  dpkg-deb -x "$package"_*.deb kernel
  python3 - "$package.elf" kernel/boot/vmlinuz-* <<'PY'
import lzma, sys
image = open(sys.argv[2], "rb").read()
start = image.find(b"\xfd7zXZ\0")
if start < 0:
    sys.exit("the kernel image holds no xz stream")
open(sys.argv[1] + ".new", "wb").write(lzma.LZMADecompressor().decompress(image[start:]))
PY
  mv "$package.elf.new" "$package.elf"
}

# A root file system of busybox, the program and what it is linked to.
make_root() {
  rm -rf root
  mkdir -p root/{bin,proc,sys,dev,tmp,root}
  cp "$(command -v busybox)" root/bin/busybox
  for file in "$(command -v cyclictest)" "$program"; do
    cp "$file" root/bin/
    { ldd "$file" | grep -o '/[^ ]*' || true; } | while read -r library; do
      mkdir -p "root$(dirname "$library")"
      cp -L "$library" "root$library"
    done
  done
  mv "root/bin/$(basename "$program")" root/bin/cellwright 2>/dev/null || true
  guest_init >root/init
  chmod +x root/init
  (cd root && find . | cpio -o -H newc --quiet | gzip -1) >initrd.gz
}

guest_init() {
  cat <<'GUEST'
#!/bin/busybox sh
/bin/busybox --install -s /bin; export PATH=/bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
mkdir -p /dev/shm; mount -t tmpfs t /dev/shm; mount -t tmpfs t /tmp
ip link set lo up
echo "guest: realtime=$(cat /sys/kernel/realtime 2>/dev/null || echo 0) kernel=$(uname -r)"
cd /tmp
cyclictest -q -m -p 90 -i 1000 -D 5 2>&1 | sed 's/^/guest: cyclictest /'
cellwright run --units 1 --seed 1 --json --state /tmp/state >/tmp/run.jsonl 2>/tmp/run.err
echo "guest: run=$?"
sed 's/^/guest: stderr /' /tmp/run.err | tail -20
echo "guest: last $(tail -n 1 /tmp/run.jsonl)"
cellwright dhr verify --json --state /tmp/state >/tmp/verify.json
echo "guest: verify=$? $(head -c 200 /tmp/verify.json)"
cellwright bench --units 1 --json >/tmp/bench.json 2>/tmp/bench.err
echo "guest: bench=$? $(cat /tmp/bench.json | tr -d '\n')"
echo "guest: end"
poweroff -f
GUEST
}

boot() {
  timeout "$limit_s" qemu-system-x86_64 -accel tcg -icount shift="${SHIFT:-3}",sleep=off -cpu max -smp 1 -m 768 \
    -nographic -no-reboot -nodefaults -serial stdio -kernel "$1" -initrd initrd.gz \
    -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr clocksource=tsc tsc=reliable" \
    </dev/null 2>&1 | tr -d '\r' | tee guest.log || true
}

failures=0
expect() {
  if grep -aEq "$2" guest.log; then echo "  ok    $1"; else echo "  FAIL  $1"; failures=$((failures + 1)); fi
}

expect_not() {
  if grep -aEq "$2" guest.log; then echo "  FAIL  $1"; failures=$((failures + 1)); else echo "  ok    $1"; fi
}

mkdir -p "$work"
cd "$work"
package=$(kernel_package)
if [ -z "$package" ]; then
  echo "  skip  no RT kernel package is known to apt (apt-get update)"
  exit 77
fi
[ -f "$package.elf" ] || unpack_kernel "$package"
make_root
boot "$package.elf"
expect "the kernel is PREEMPT_RT" 'guest: realtime=1( |$)'
expect "the run of one unit ends with 0" '^guest: run=0'
expect_not "SCHED_FIFO, pinning and locked memory were granted" '^guest: stderr warning'
expect "one unit, decided" '^guest: last .*"units":1[,}]'
expect "no working-counter error in the run" '^guest: last .*"wkc_errors":0[,}]'
expect "dhr verify finds nothing" '^guest: verify=0'
expect "bench ends with 0" '^guest: bench=0'
expect "fewer than a hundred cycles missed of a whole unit" '^guest: bench=0 .*"missed": ?[0-9]{1,2}[,}]'
expect "nothing was allocated on the real-time thread" '^guest: bench=0 .*"allocations": ?0[,}]'
expect "the guest came to its end" '^guest: end'
exit $((failures > 0))
