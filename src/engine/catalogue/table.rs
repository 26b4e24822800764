//! The table of the catalogue: one row an alarm, the most fundamental causes first. A new alarm is a new row.

use cellwright_model::event::AlarmClass;

use super::{Entry, Rank, Way};

macro_rules! catalogue {
    ($($code:ident $word:literal: $class:ident, $rank:ident, $way:ident {
        title: $title:literal,
        cause: $cause:literal,
        place: $place:literal,
        first: $first:literal,
        page: $page:literal $(,)?
    })*) => {
        /// The alarms, by their rows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum AlarmCode { $(#[doc = $title] $code),* }

        /// Every alarm, in the order of [`AlarmCode`].
        pub const TABLE: &[Entry] = &[$(Entry {
            code: AlarmCode::$code,
            word: $word,
            class: AlarmClass::$class,
            rank: Rank::$rank,
            title: $title,
            cause: $cause,
            place: $place,
            first: $first,
            way: Way::$way,
            page: $page,
        }),*];
    };
}

// Code "word": class, rank, way back.
catalogue! {
    ProgramError "program-error": Abort, Program, Restart {
        title: "The cycle ended by a program error",
        cause: "the cycle ended by a program error; outputs are in their defined off state",
        place: "the cycle",
        first: "keep the state directory and report it",
        page: "The real-time thread met something that must not happen, brought the outputs to their \
            defined off state and ended. Nothing is driven any more until the controller is started \
            again. The record up to this moment is kept.",
    }
    SetpointStep "setpoint-step": Abort, Program, Commands {
        title: "A setpoint would have stepped",
        cause: "a setpoint would have stepped by {value}, permitted are {limit}",
        place: "the axis",
        first: "keep the state directory and report it",
        page: "The last guard before the wire refused a setpoint that was further from the one before \
            than velocity or acceleration permit. It was not sent. This is a mistake in the program, \
            not at the machine.",
    }
    EngineError "engine-error": Abort, Program, Commands {
        title: "The engine did not come to an end",
        cause: "the engine did not come to an end within one input",
        place: "the engine",
        first: "keep the state directory and report it",
        page: "Units and cell answered each other without end within one input; the controller broke \
            that off and aborts. This is a mistake in the program, not at the machine.",
    }
    RecordRefused "record-refused": Abort, Program, Commands {
        title: "A record was refused",
        cause: "{error}",
        place: "the outbox",
        first: "keep the state directory and report it",
        page: "The store works, but did not take what was to be recorded. Nothing is made without its \
            record, so the cell aborts.",
    }
    EventsLost "events-lost": Abort, Program, Commands {
        title: "Events of the cycle were lost",
        cause: "the controller did not drain the events of the cycle in time",
        place: "the cycle",
        first: "look at the load of the machine and take other work off it",
        page: "The queue from the cycle to the controller was full. What a lost event would have said \
            is not known, so the cell aborts. A computer that is overloaded, or was halted for \
            seconds, does this.",
    }
    CycleSilent "cycle-silent": Abort, Program, Commands {
        title: "The cycle does not act",
        cause: "the cycle did not act on the urgent word in time",
        place: "the cycle",
        first: "look at the real-time thread and the load of its core",
        page: "Hold, stop and abort reach the cycle by a word of their own that it acts on within its \
            next cycles. A second without that means that the cycle does not run.",
    }
    CycleAborted "cycle-aborted": Abort, Program, Commands {
        title: "The cycle has aborted by itself",
        cause: "the cycle has aborted by itself and did not say why in time",
        place: "the cycle",
        first: "look at the alarms that follow, and at the drives and the segment",
        page: "The cycle aborts at once when it sees a cause and names it within milliseconds. This \
            alarm stands for one that it did not name.",
    }
    SafetyInput "safety-input": Abort, Safety, Commands {
        title: "A safety input is off",
        cause: "off: {inputs}",
        place: "the input, or the safety controller",
        first: "remove the cause and release the safety function",
        page: "The safety controller has removed its enable: emergency stop, guard, or whatever it \
            watches. Cellwright only reads this. Drives lose their torque by STO, which is expected \
            then and no fault of theirs. After the release nothing moves until a person commands it.",
    }
    BringUp "bring-up": Abort, Segment, Commands {
        title: "The segment did not come up",
        cause: "{cause}",
        place: "the link, or the SubDevice",
        first: "check cables and supply of the SubDevices",
        page: "The SubDevices could not all be brought to OP. The cause names the first that was not as \
            the cell file says, or did not answer. Each Clear tries again.",
    }
    AlState "al-state": Abort, Segment, Commands {
        title: "A SubDevice left OP",
        cause: "not in OP, AL status code {code}",
        place: "the SubDevice",
        first: "check the cable and supply of the SubDevice",
        page: "A SubDevice has left the state OP: it lost its supply, its watchdog ran out, or it found \
            a fault of its own. The code is that of register 0x0134 (ETG.1000.6); 0x0000 means that \
            it did not say. Clear brings the whole segment up again.",
    }
    StaleInput "stale-input": Abort, Segment, Commands {
        title: "Inputs do not arrive",
        cause: "{value} cycles in a row without valid inputs, {limit} are bridged",
        place: "the segment",
        first: "check cable and power of the segment and the load of the real-time core",
        page: "Frames did not come back, came back late, or with a wrong working counter. A few cycles \
            are bridged: nothing starts from old inputs, and moves keep their profile. More than \
            that, and the cell aborts.",
    }
    Emergency "emergency": Hold, Drive, Commands {
        title: "A device sent an emergency message",
        cause: "emergency message, error code {code}, {error}",
        place: "the axis of the device",
        first: "look the code up in the manual of the device and remove its cause",
        page: "An emergency object (CiA 301) came in over CoE. It often tells beforehand, or in other \
            words, what a drive reports as its fault.",
    }
    Drive "drive": Abort, Drive, Commands {
        title: "A drive reports a fault",
        cause: "the drive reports error {code}, {error} (object 0x603F)",
        place: "the axis",
        first: "look the code up in the manual of the drive and remove its cause",
        page: "The drive is in the state Fault (CiA 402) and gives no torque. Resetting the cell resets \
            the drive; one that goes back into Fault raises this again.",
    }
    DriveDisabled "drive-disabled": Abort, Drive, Commands {
        title: "A drive switched itself off",
        cause: "the drive left Operation enabled by itself",
        place: "the axis",
        first: "check its enable input and supply",
        page: "The drive left Operation enabled though nobody asked for it, it reports no fault, and its \
            torque was not removed by STO: its enable input, or its supply.",
    }
    Sto "sto": Abort, Drive, Commands {
        title: "A drive has lost its torque by STO",
        cause: "torque was removed by STO, and no safety input of the cell says why",
        place: "the axis",
        first: "see at the safety controller why it has removed the torque of this drive",
        page: "The drive shows that its torque was removed (STO). That is no fault of the drive: the safety \
            controller has done it, or the wire to the drive's STO inputs is broken. The safety inputs that \
            the cell file names are on all the same. Where each axis has an STO of its own, name its signal \
            under `safety`, and the cell says by it why it aborts.",
    }
    DriveTimeout "drive-timeout": Stop, Drive, Commands {
        title: "A drive does not follow",
        cause: "the drive did not follow its state machine within {limit} s",
        place: "the axis",
        first: "check mode, enable input and supply of the drive",
        page: "Asked to switch on or off, the drive did not come to the state asked for (CiA 402) \
            within its time.",
    }
    DriveMode "drive-mode": Abort, Drive, Commands {
        title: "A drive does not take a mode",
        cause: "the drive does not go to the mode {mode} within {limit} s",
        place: "the axis",
        first: "see which modes the drive supports (object 0x6502) and whether its process data carry the \
            setpoint of this one",
        page: "Asked for another mode of operation (0x6060), the drive stayed enabled but does not display \
            it (0x6061). It is given no setpoint of a mode that it does not display.",
    }
    Homing "homing": Stop, Drive, Commands {
        title: "An axis does not find its reference",
        cause: "the drive did not find the reference of its axis within {limit} s",
        place: "the axis",
        first: "look whether the axis can move, whether its limit switches and its index reach the drive, and whether \
            `reference` in cell.yaml is of this axis",
        page: "An axis with an incremental encoder is homed by its drive (CiA 402, mode 6) before it goes anywhere. \
            The drive said that it cannot, or looked for longer than the cell file gives it: it ran to the other \
            limit switch, or saw no index. Until it is homed the axis is refused every position.",
    }
    Position "position": Abort, Motion, Commands {
        title: "An axis is beyond its travel",
        cause: "actual position {value} is beyond the travel limit {limit}",
        place: "the axis",
        first: "look what moved the axis and bring it back into its travel in mode Manual",
        page: "The measured position is beyond the travel of the cell file by more than its tolerance. \
            From there the axis may be moved back, not further out.",
    }
    Velocity "velocity": Abort, Motion, Commands {
        title: "An axis is too fast",
        cause: "actual velocity {value} is above {limit}",
        place: "the axis",
        first: "check load, scaling and drive tuning of the axis",
        page: "The measured velocity is above the maximum of the cell file by more than regulation \
            overshoots.",
    }
    Torque "torque": Abort, Motion, Commands {
        title: "An axis takes too much torque",
        cause: "motor torque {value} N·m is above {limit} N·m",
        place: "the axis",
        first: "look for an obstacle or a jam",
        page: "The motor torque was above its maximum for longer than the peaks of a current limiter.",
    }
    FollowingError "following-error": Abort, Motion, Commands {
        title: "An axis does not follow",
        cause: "following error {value} is above {limit}",
        place: "the axis",
        first: "look for an obstacle or a jam, then check the tuning of the drive",
        page: "The axis is further behind its setpoint than the cell file permits. Most often it is \
            blocked by something in its way; without that, its tuning or its load has changed.",
    }
    NoRest "no-rest": Stop, Motion, Commands {
        title: "Something does not come to rest",
        cause: "axes or cobots did not come to rest in time",
        place: "the cell, or the step",
        first: "look what still moves, or which cobot does not report that it stands",
        page: "Hold, Stop, Abort and the end of a step wait until everything has come to rest, for a \
            bounded time. From a Hold this stops the cell, from a Stop or a step it aborts it.",
    }
    Store "store": Hold, Device, Commands {
        title: "The record cannot be written",
        cause: "{cause}",
        place: "the store",
        first: "make room or restore access for the state directory",
        page: "The outbox does not take transactions: no space, no permission, a failing disk. Nothing \
            is made without its record: no unit is opened, and the cell holds. It is cleared by \
            itself as soon as the store takes them again.",
    }
    AnalogInvalid "analog-invalid": Hold, Device, Answer {
        title: "A sensor is not trusted",
        cause: "an analog channel that the motion depends on is not trusted: {cause}",
        place: "the channel, or the step",
        first: "check the cable and range of the sensor",
        page: "The channel shows its error bit (wire break, out of range) or a value outside of the \
            range in the cell file. No motion goes on by a value that is not trusted.",
    }
    SignalNotTrusted "signal-not-trusted": Hold, Device, Answer {
        title: "A condition cannot be seen",
        cause: "a condition reads a channel that is not trusted: {cause}",
        place: "the step",
        first: "check the cable and range of the sensor that the condition of the step reads",
        page: "A condition of the step could not be looked at, because a channel that it names is not \
            trusted. What cannot be seen does not hold.",
    }
    ZeroOffset "zero-offset": Hold, Device, Answer {
        title: "A sensor is not at zero",
        cause: "unloaded, the sensor does not read zero: {cause}",
        place: "the channel, or the step",
        first: "see that nothing loads the sensor; check it, and its calibration, if it still reads \
            something",
        page: "Before a measurement, and in Resetting, a sensor that nothing loads has to read zero \
            within the bound of the recipe or of the cell file. An offset is never taken away \
            silently: it may be a part that lies there, or a sensor that was overloaded.",
    }
    RobotLost "robot-lost": Hold, Device, Commands {
        title: "A cobot is not heard",
        cause: "nothing was heard of the cobot for longer than its watchdog; it may be moving",
        place: "the cobot",
        first: "see that the cobot stands, that it and its ROS nodes run, and its network cable",
        page: "The states of the cobot do not arrive any more (`watchdog` in cell.yaml). What it was asked for is \
            cancelled, which it may not hear either, so everything else is held. Once it is heard again and has \
            stood still for a second the cell comes to rest, and the cobot goes on from where it is then.",
    }
    RobotSafeguard "robot-safeguard": Hold, Device, Commands {
        title: "A cobot is held by its safeguard",
        cause: "the safeguard stop of the cobot is active: a guard is open, or somebody is in its field",
        place: "the cobot",
        first: "close the guard or leave the field, and reset the safeguard",
        page: "The cobot stands by its safeguard stop, and everything else is held. Once the safeguard is reset, a \
            person lets the cell go on, and the cobot moves from where it is. After a protective stop or an emergency \
            stop of its own it never does: there its step asks a person.",
    }
    Robot "robot": Hold, Device, Answer {
        title: "A cobot could not",
        cause: "the cobot could not do what the step asks: {cause}",
        place: "the step",
        first: "see on its pendant what stops the cobot, and release it there",
        page: "The cobot rejected the request, stopped by itself (protective stop, emergency stop), is \
            not connected, or did not answer in time. Its own safety functions stay with its own \
            controller.",
    }
    Device "device": Hold, Device, Answer {
        title: "A camera, scanner or printer could not",
        cause: "the device could not do what the step asks: {cause}",
        place: "the step",
        first: "check supply, cable and network of the device",
        page: "The camera, scanner or printer is not connected, did not answer in time, or answered \
            something that is no answer; or the printer says what it lacks: paper, ribbon, a closed head. A part without a readable code is not this: that is the part.",
    }
    Invariant "invariant": Hold, Process, Commands {
        title: "An invariant of the recipe does not hold",
        cause: "the invariant `{id}` of the recipe does not hold",
        place: "the invariant",
        first: "see which signal the invariant reads, and bring it back",
        page: "The recipe names conditions that hold as long as units are in work (air on), and what \
            happens when one does not. It is cleared by itself when the condition holds again; as \
            long as it does not, Unhold is refused with its name.",
    }
    StepFault "step-fault": Hold, Process, Answer {
        title: "A step could not be done",
        cause: "the machine could not do the step: {cause}",
        place: "the step",
        first: "look what hinders the step",
        page: "The machine could not do the step, for a reason that has no alarm of its own. The unit \
            waits for what a person decides.",
    }
    Held "held": Hold, Process, Answer {
        title: "Hold has broken a step",
        cause: "the step was held in the middle of what it measures, and cannot be done again",
        place: "the step",
        first: "see how far the part is",
        page: "A step that stops at Hold (`on_hold: stop`) was held in a process that has to run without \
            a break: pressing from contact on, tightening, a leak test. What was measured does not count. \
            A step that can be repeated is, by itself; after an irreversible one a person decides.",
    }
    TimedOut "timed-out": Hold, Process, Answer {
        title: "A step took too long",
        cause: "the step did not end within its timeout",
        place: "the step",
        first: "look what the step waits for",
        page: "The timeout of the step in the recipe ran out. What was moving has been brought to rest.",
    }
    Check "check": Hold, Process, Answer {
        title: "A step may not begin",
        cause: "the condition that has to hold before the step does not",
        place: "the step",
        first: "see which signal of its check is off, and put right what it shows",
        page: "The `check` of the step has to hold in the moment in which it begins: a part that should \
            be there is not seen, or one that should not be there is.",
    }
    NotVerified "not-verified": Hold, Process, Answer {
        title: "What was placed is not seen",
        cause: "no sensor sees what the step has placed",
        place: "the step",
        first: "see whether the part lies in its place; put right the part or the sensor",
        page: "After a part is placed, its sensor has to see it within half a second. Without that its \
            place is not known to be right, and the unit does not go on.",
    }
    GripFailed "grip-failed": Hold, Process, Answer {
        title: "A gripper holds nothing",
        cause: "the gripper closed and holds nothing",
        place: "the step",
        first: "see whether a part lies in the pocket, and how",
        page: "The gripper closed without a part between its fingers: the pocket is empty, or the part \
            lies wrong. The next attempt takes the same pocket.",
    }
    ReleaseFailed "release-failed": Hold, Process, Answer {
        title: "A gripper still holds its part",
        cause: "the gripper opened and still holds something",
        place: "the step",
        first: "free the gripper by hand",
        page: "The gripper opened and its sensor still sees a part: it sticks to the fingers, or the \
            sensor is wrong.",
    }
    TrayEmpty "tray-empty": Hold, Process, Answer {
        title: "A tray is empty",
        cause: "there is no part left: {cause}",
        place: "the step",
        first: "exchange the tray and enter its lot",
        page: "The last pocket of the tray has been used. Exchange it, enter part and lot of the new \
            one, then let the step go on.",
    }
    TrayFull "tray-full": Hold, Process, Answer {
        title: "A tray is full",
        cause: "there is no pocket left: {cause}",
        place: "the step",
        first: "exchange the tray for an empty one",
        page: "The last pocket of the good tray has been filled. Exchange it for an empty one, enter that, then let \
            the step go on.",
    }
    LaneEmpty "lane-empty": Hold, Process, Answer {
        title: "A lane gives no part",
        cause: "no part came to the front of the lane in time",
        place: "the step",
        first: "refill the lane, or free what is stuck in it",
        page: "The sensor at the front of the lane saw no part within the time of the step.",
    }
    WrongPart "wrong-part": Hold, Process, Answer {
        title: "Wrong material",
        cause: "another part is loaded than the recipe asks for: {cause}",
        place: "the step",
        first: "exchange the material and enter it by its label",
        page: "The tray or lane holds another part number than the recipe asks for. It is not used.",
    }
    LotUnknown "lot-unknown": Hold, Process, Answer {
        title: "Material without a lot",
        cause: "the lot of the material is not known: {cause}",
        place: "the step",
        first: "enter the material by its label",
        page: "The component is traced by lot, and nobody has entered the lot of what lies in its tray \
            or lane.",
    }
    TorqueNotReached "torque-not-reached": Hold, Process, Answer {
        title: "A screw did not reach its torque",
        cause: "the torque was not reached before the motor was at its limit",
        place: "the step",
        first: "compare the torque sensor with the motor torque; look at bit, clutch and cable",
        page: "The motor was at its highest permitted torque and the judging sensor did not show the \
            target. Either the sensor or the transmission is not as it should be.",
    }
    NotVented "not-vented": Hold, Process, Answer {
        title: "The test volume did not vent",
        cause: "pressure was left after venting",
        place: "the step",
        first: "look at the vent valve and the pressure sensor",
        page: "After the leak test the volume is vented before the clamp opens. Pressure was still \
            there after that time.",
    }
    NotInTime "not-in-time": Hold, Process, Answer {
        title: "A condition did not come in time",
        cause: "the condition that the step waits for did not come in time",
        place: "the step",
        first: "see which signal of the condition is off",
        page: "The step waits for a condition, and it did not come within its time.",
    }
    NotMeasured "not-measured": Hold, Process, Answer {
        title: "Something was not measured",
        cause: "a measurement of the step is missing: {cause}",
        place: "the step",
        first: "look at the sensor of the measurement",
        page: "The step went to its end and a value that it has to give is missing. A step without its \
            measurement has not passed.",
    }
    Table "table": Hold, Motion, Commands {
        title: "The table could not turn",
        cause: "the table did not turn: {cause}",
        place: "the table's axis",
        first: "look what stands in the way of the table",
        page: "The table did not reach the angle at which the nests stand at their stations. Units in the other \
            nests wait with it.",
    }
    TableNotClear "table-not-clear": Hold, Motion, StopFirst {
        title: "An axis or a cobot stands in the way of the table",
        cause: "{axis} stands in the way of the table",
        place: "the axis or cobot",
        first: "see whether it can go back freely",
        page: "The table turns only while what reaches into it is out of its way: axes by `clear_when` of the cell file, cobots \
            at no station. One that no step moves any more stands there, or a cobot is not heard; Reset brings it out.",
    }
    ZoneNotClear "zone-not-clear": Hold, Motion, StopFirst {
        title: "An axis or a cobot stands in a zone that another one has to enter",
        cause: "{body} stands in zone {zone}",
        place: "the axis or cobot",
        first: "see whether it can go back freely",
        page: "A step waits for a zone in which something stands that no step moves any more, or a cobot that is not \
            heard. Axes and cobots enter a shared zone one at a time; Reset brings it out.",
    }
    ZoneTaken "zone-taken": Hold, Motion, Commands {
        title: "An axis was stopped before a zone that is taken",
        cause: "another body is, or may be, in zone {zone}; the axis was stopped at {value}",
        place: "the axis",
        first: "see what stands in the zone, and whether the cobots are heard",
        page: "The cycle looks at every zone itself, by the last states of the cobots and the positions of the axes, and \
            lets no axis come into one in which something else is. A cobot that is not heard counts as inside. What \
            moves by the steps of a recipe has reserved its zones before: this alarm is for what does not.",
    }
    Starved "starved": Warning, Process, Alone {
        title: "No part is there",
        cause: "no part is there",
        place: "the tray or lane, or the step",
        first: "refill it and enter what was loaded",
        page: "A unit waits for a part from outside: a tray is used up, or a lane shows none. When nothing else can go on \
            the cell suspends. It goes on by itself as soon as the part is there.",
    }
    Blocked "blocked": Warning, Process, Alone {
        title: "There is no room",
        cause: "there is no room for another unit",
        place: "the tray",
        first: "exchange it for an empty one and enter that",
        page: "A unit is finished and has nowhere to go. When nothing else can go on the cell suspends. It goes on by \
            itself as soon as there is room.",
    }
    Cleanup "cleanup": Hold, Process, Commands {
        title: "A step could not be brought to its end",
        cause: "the step could not be brought to its end: {cause}",
        place: "the step",
        first: "look what hinders its last moves (retract, vent, unclamp)",
        page: "Whatever the outcome of a step, it ends by retracting, venting, unclamping. One of these \
            could not be done: tools may still be in the way.",
    }
    Resetting "resetting": Stop, Sequence, Commands {
        title: "Resetting did not get on",
        cause: "resetting did not get on: {cause}",
        place: "drives, outputs, the axis, the cobot",
        first: "look at the place that is named, and remove what hinders it",
        page: "Resetting switches the drives on and brings axes and cobots home in the order of the \
            cell file. One of these acts did not end, or ended otherwise than it should.",
    }
    StartCondition "start-condition": Stop, Sequence, Commands {
        title: "The conditions to start do not hold",
        cause: "the conditions of `starting` did not hold in time: {cause}",
        place: "starting",
        first: "see which signal of `start_when` is off, and bring it back",
        page: "Start waits for the conditions of the cell file (air on), for a bounded time.",
    }
    PartsLeft "parts-left": Warning, Process, Answer {
        title: "Parts are left in the cell",
        cause: "left in the cell: {parts}",
        place: "the cell",
        first: "take out what is named, place by place",
        page: "Parts of units that were interrupted, or that nobody has entered, lie where the next unit would meet \
            them, or a unit that is not good lies among good ones. The question names each part and its place. What \
            sensors see is looked at again after the answer; what no sensor sees is believed and recorded as \
            unverified. What was taken out before Reset is not asked for where sensors see that.",
    }
    BinOpen "bin-open": Hold, Process, Commands {
        title: "A reject bin is not locked",
        cause: "the bin is not locked: what was rejected could be taken out or put back",
        place: "the bin",
        first: "lock the bin",
        page: "Rejected units are kept apart by a locked bin. Opening it is recorded; during production it holds the \
            cell. Empty it while the cell is stopped, suspended by the full bin, or held, enter that it was emptied, \
            and lock it.",
    }
    ConsecutiveNg "consecutive-ng": Hold, Sequence, Commands {
        title: "Too many units in a row are not good",
        cause: "{max} units in a row are not good",
        place: "the cell",
        first: "look at material, tools and sensors",
        page: "So many ng units in a row are no chance: material, a tool or a sensor has changed. The \
            cell file says how many.",
    }
    OrderShort "order-short": Stop, Sequence, Commands {
        title: "An order does not come to its quantity",
        cause: "{cause}",
        place: "the order",
        first: "look why units were not good, and give out the rest as an order with serials of its own",
        page: "The serials of the order are used up, or as many units have been started as it permits, \
            and too few of them are good. What was in work came to its end before; the order is over, \
            and the cell takes another one.",
    }
    TrainingLapsed "training-lapsed": Hold, Sequence, Restart {
        title: "The training of whoever works the cell is over",
        cause: "{cause}",
        place: "the person",
        first: "name another operator whose training is valid (`run --operator`), or have it renewed in users.yaml under \
            an administrator's signature",
        page: "The run began with a training that was valid, and its last day has passed, by UTC. What was in work \
            came to its end; no further unit is opened, and the cell holds. Answers to the questions of steps are \
            taken from others, but not from this person. The order goes on where it was with the next run.",
    }
    AlarmFlood "alarm-flood": Warning, Sequence, Alone {
        title: "More alarms follow",
        cause: "more than {max} alarms follow alarm {first}; they are counted there",
        place: "the cell",
        first: "see to the alarm that is named",
        page: "What follows from one cause is listed up to a bound and counted beyond it, so that the \
            cause stays in sight.",
    }
}
