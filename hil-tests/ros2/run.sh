#!/usr/bin/env bash
# Cobots over ROS 2, over real middleware (rmw_fastrtps_cpp), against a mock robot in another process: the driver by the
# conformance suite of the drivers, faults with the time of each reaction, figures beside a bare r2r, 200 starts and stops;
# then a cell (cell.py), and the wake-ups of its cycle beside both robots (wakeups.py).
#
#   hil-tests/ros2/run.sh
#
# In a network namespace of its own with loopback multicast, and a domain of its own: nothing leaves it.
# Exit 0: all hold; 77: it could not be done here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# Tools of administrators are found by ordinary users, too.
export PATH=$PATH:/usr/sbin:/sbin
skipped_status=77
target=${CARGO_TARGET_DIR:-$PWD/target}
# Programs with ROS 2 stand apart, so that `target/release` is what everybody else builds.
ours=$target/ros2

skip() {
  echo "  skip  $*"
  exit $skipped_status
}

prefix=$(hil-tests/ros2/prefix.sh) || skip "there is no ROS 2 here, and none could be made"
environment=$(hil-tests/ros2/env.sh "$prefix")
eval "$environment"
# What the plain build has compiled is not compiled again: the same packages with the same features, and ROS 2 besides.
if [ ! -d "$ours" ] && [ -d "$target/release/deps" ]; then
  mkdir -p "$ours/release"
  cp -a --reflink=auto "$target/release"/{deps,build,.fingerprint} "$ours/release"
fi
CARGO_TARGET_DIR=$ours cargo build --release --locked --workspace --features cellwright/ros2,cellwright-cobot-ros2/ros2 \
  --bin cellwright --example mock_robot --example ros2_suite
# A robot by another implementation of DDS and ROS 2, with a lock file of its own.
CARGO_TARGET_DIR=$target/ros2-peer cargo build --release --locked --manifest-path hil-tests/ros2/peer/Cargo.toml

new=(unshare -n)
[ "$(id -u)" = 0 ] || new=(unshare -rn)
"${new[@]}" true 2>/dev/null || skip "no network namespace can be made here"
command -v ip >/dev/null || skip "ip is not there (iproute2)"

# A process that is killed leaves its shared memory behind: over UDP only.
export FASTDDS_BUILTIN_TRANSPORTS=UDPv4 ROS_DOMAIN_ID=77 ROS_LOG_DIR=$target/ros2-log
export RCUTILS_LOGGING_USE_STDOUT=0
export CELLWRIGHT=$ours/release/cellwright CELLWRIGHT_PLAIN=$target/release/cellwright
status=0
# A suite that could not be done is no failure, and hides none.
in_namespace() {
  local ended=0
  "${new[@]}" sh -euc '
    ip link set lo up multicast on
    ip route add 224.0.0.0/4 dev lo
    exec timeout "$@"' sh "$@" || ended=$?
  if [ $ended = $skipped_status ]; then
    [ $status != 0 ] || status=$skipped_status
  elif [ $ended != 0 ]; then
    status=1
  fi
}
in_namespace 420 "$ours/release/examples/ros2_suite" "$ours/release/examples/mock_robot" "$target/ros2-peer/release/ros2_peer"
in_namespace 420 python3 hil-tests/machine.py in-time python3 hil-tests/ros2/cell.py "$ours/release/examples/mock_robot"
in_namespace 300 python3 hil-tests/machine.py in-time python3 hil-tests/ros2/wakeups.py "$ours/release/examples/mock_robot"
exit $status
