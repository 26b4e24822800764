#!/usr/bin/env bash
# The driver of ROS 2 robots against a mock robot in another process, over real middleware (rmw_fastrtps_cpp): the
# conformance suite of the drivers, faults with the time of each reaction, 50 starts and stops.
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

skip() {
  echo "  skip  $*"
  exit $skipped_status
}

prefix=$(hil-tests/ros2/prefix.sh) || skip "there is no ROS 2 here, and none could be made"
environment=$(hil-tests/ros2/env.sh "$prefix")
eval "$environment"
cargo build --release --locked -p cellwright-cobot-ros2 --features ros2 --examples

new=(unshare -n)
[ "$(id -u)" = 0 ] || new=(unshare -rn)
"${new[@]}" true 2>/dev/null || skip "no network namespace can be made here"
command -v ip >/dev/null || skip "ip is not there (iproute2)"

# A process that is killed leaves its shared memory behind: over UDP only.
export FASTDDS_BUILTIN_TRANSPORTS=UDPv4 ROS_DOMAIN_ID=77 ROS_LOG_DIR=$target/ros2-log
export RCUTILS_LOGGING_USE_STDOUT=0
"${new[@]}" sh -euc '
  ip link set lo up multicast on
  ip route add 224.0.0.0/4 dev lo
  exec timeout 420 "$@"' sh "$target/release/examples/ros2_suite" "$target/release/examples/mock_robot"
