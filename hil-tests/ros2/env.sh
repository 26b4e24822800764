#!/usr/bin/env bash
# What building and running `cellwright-cobot-ros2` with its feature `ros2` needs in its environment.
#
#   eval "$(hil-tests/ros2/env.sh PREFIX)"     PREFIX: what prefix.sh printed, or /opt/ros/jazzy of an installed ROS 2
#
# IDL_PACKAGE_FILTER names every package of messages that we use, and those that they nest; the types of further topics
# (`ur_dashboard_msgs` of a UR's states) are named in CELLWRIGHT_ROS_MSGS, semicolons between them.
set -euo pipefail
prefix=${1:?usage: env.sh PREFIX}
[ -d "$prefix/share/rcl" ] || {
  echo "env.sh: $prefix holds no ROS 2 (no share/rcl); prefix.sh makes one" >&2
  exit 1
}
[ -d "$prefix/share/control_msgs" ] || {
  echo "env.sh: $prefix holds no control_msgs; with an installed ROS 2: apt-get install ros-\$ROS_DISTRO-control-msgs" >&2
  exit 1
}
packages="std_msgs;geometry_msgs;sensor_msgs;trajectory_msgs;control_msgs;std_srvs;lifecycle_msgs;rosgraph_msgs"
packages="$packages;service_msgs;type_description_interfaces;action_msgs;builtin_interfaces;rcl_interfaces"
packages="$packages;unique_identifier_msgs${CELLWRIGHT_ROS_MSGS:+;$CELLWRIGHT_ROS_MSGS}"
cat <<END
export ROS_DISTRO='${ROS_DISTRO:-jazzy}'
export AMENT_PREFIX_PATH='$prefix'
export CMAKE_PREFIX_PATH='$prefix'
export LD_LIBRARY_PATH='$prefix/lib'
export RMW_IMPLEMENTATION='${RMW_IMPLEMENTATION:-rmw_fastrtps_cpp}'
export IDL_PACKAGE_FILTER='$packages'
END
