//! cell.yaml: what a cobot is called in ROS 2.

use super::What;
use crate::shape;

const QOS: What = What::Word(&["best-effort", "reliable", "latched"]);

shape! { pub(super) ROS2 = "ros2", "Names of a cobot in ROS 2, and the bounds that it is held to; a name that does not begin with `/` stands in the namespace." {
    opt "namespace": Text, "`/` and names; none if left out.";
    req "joints": List(&What::Text), "Its six joints as the joint states name them, in the order of the poses.";
    opt "action" = "joint_trajectory_controller/follow_joint_trajectory": Text, "Its action of FollowJointTrajectory.";
    opt "joint_states" = "joint_states": Text, "Topic of its joint states.";
    opt "joint_states_qos" = "best-effort": QOS, "What is asked of them; it has to fit what is offered.";
    opt "gripper": Fields(&GRIPPER), "A gripper with an action of GripperCommand.";
    opt "robot_mode": Fields(&STATUS), "Its mode, in the numbers of a UR: 7 is running.";
    opt "safety_mode": Fields(&STATUS), "Its safety mode, in the numbers of a UR: 1 is normal.";
    opt "program_running": Fields(&STATUS), "True while the program runs that takes our commands.";
    opt "remote_control": Fields(&STATUS), "True while its pendant leaves the command to us.";
    opt "speed_scaling": Fields(&STATUS), "At how many percent of its programmed speed it moves; a slowed motion is given its time.";
    opt "loads": List(&What::Fields(&LOAD)), "Services that are told, in this order, what it holds after each grip and release: payload, TCP.";
    opt "watchdog" = "150 ms": Quantity(&[Time]), "Without a joint state for so long it is silent: Hold, and its motion is cancelled.";
    opt "rest": Fields(&REST), "When it is at rest; below 0.5 deg/s for 100 ms if left out.";
    opt "point_period" = "25 ms": Quantity(&[Time]), "Between two points of a trajectory.";
    opt "target_tolerance" = "0.5 deg": Quantity(&[Angle]), "A joint that rests farther from its target is a fault.";
    opt "acknowledge_timeout" = "500 ms": Quantity(&[Time]), "From a goal to its acknowledgement.";
    opt "result_grace" = "1 s": Quantity(&[Time]), "From the end of a trajectory to its result.";
}}

shape! { GRIPPER = "ros2 gripper", "A gripper over ROS 2." {
    req "action": Text, "Its action of GripperCommand.";
    req "open": Quantity(&[Length]), "Opening when it is told to open.";
    req "closed": Quantity(&[Length]), "Opening when it is told to close on a part.";
    req "force": Quantity(&[Force]), "Highest force.";
}}

shape! { LOAD = "ros2 load", "A service that sets payload or TCP, in the robot's own message." {
    req "service": Text, "Its name.";
    req "message": Text, "`package/srv/Type`, among those that the program was built with.";
    req "grip": Text, "The request when a part is held: a JSON object with the message's fields, in units of ROS.";
    req "release": Text, "The same when it has let go.";
    opt "accepted": Text, "The field of the answer that has to be true, as `success` or `results.0.successful`; every answer will do if left out.";
}}

shape! { STATUS = "ros2 status", "A topic that tells one state of the robot." {
    req "topic": Text, "Its name.";
    req "message": Text, "`package/msg/Type`, among those that the program was built with.";
    req "field": Text, "The field that holds the state: a number or a boolean.";
    opt "qos" = "latched": QOS, "What is asked of it; it has to fit what is offered.";
}}

shape! { REST = "ros2 rest", "When a robot is at rest." {
    req "speed": Quantity(&[AngularVelocity]), "Every joint slower than this …";
    req "during": Quantity(&[Time]), "… for so long.";
}}
