//! R07xx: what this machine cannot do.

use super::pages;

pages! {
    OtherCell in Recipe {
        what: "The file is for another cell than the one that it is checked against.",
        why: "None of its names would mean what was meant. Give `--cell` the folder of the right cell, or correct `cell:`.",
        wrong: "cell: cannula-cel",
        right: "cell: cannula-cell",
    }
    Travel in Recipe {
        what: "A position lies outside the travel of its axis; for a press, contact at the far end and the depth from there.",
        why: "The axis would stop at its limit in the middle of the stroke.",
        wrong: "approach: { to: 63 mm, velocity: 60 mm/s }",
        right: "approach: { to: 38.0 mm, velocity: 60 mm/s }",
    }
    Velocity in Recipe {
        what: "A speed lies above the `velocity_max` of its axis.",
        why: "The cycle would limit it, and the step would not take the time that was validated.",
        wrong: "approach: { to: 38.0 mm, velocity: 250 mm/s }",
        right: "approach: { to: 38.0 mm, velocity: 60 mm/s }",
    }
    SensorRange in Recipe {
        what: "A level lies outside the range in which the channel is trusted.",
        why: "The sensor would never show it: a trip there never trips.",
        wrong: "max_force: 600 N",
        right: "max_force: 180 N",
    }
    NotAtStation in Recipe {
        what: "An axis, scanner, leak tester or lane does not belong to the station of the step.",
        why: "The unit's nest is at that station when the step begins, and the axis would work on the nest of another unit.",
        wrong: "axis: feeder_x",
        right: "axis: press_z",
    }
    AxisKind in Recipe {
        what: "A linear axis is needed and this one turns, or the other way round.",
        why: "A press pushes, a spindle and the table turn.",
        wrong: "axis: driver_1\n      force: load_cell",
        right: "axis: press_z\n      force: load_cell",
    }
    NoPose in Cell {
        what: "A cobot was not taught a pose that its way needs: `home`, a station, or above a station (`press.above`).",
        why: "Every way begins and ends at `home`, and passes above a nest before it goes down to it.",
        wrong: "      load:       [35, -62, 98, -126, -90, 35]",
        right: "      home:       [0, -90, 90, -90, -90, 0]\n      load:       [35, -62, 98, -126, -90, 35]",
    }
    NoReach in Recipe {
        what: "The cobot does not reach this tray.",
        why: "Each tray names under `reach:` the cobot that was taught its corners.",
        wrong: "robot: robot_r, from: hub_tray.next",
        right: "robot: robot_r, from: cap_tray.next",
    }
    TrayKind in Recipe {
        what: "The tray is of a kind that this step does not use.",
        why: "Parts are picked from trays of kind `source`, pushed out of a `lane`; good units go to a `good` tray, others \
            to a `reject` bin.",
        wrong: "robot: robot_r, from: good_tray.next",
        right: "robot: robot_r, from: cap_tray.next",
    }
    PartMismatch in Recipe {
        what: "The tray holds another part number than the component that is taken from it.",
        why: "Right part, wrong tray, or the other way round: a mix-up that no sensor sees.",
        wrong: "part: CAP-08",
        right: "part: CAP-07",
    }
    Order in Recipe {
        what: "Positions, speeds or levels of a step stand in an order in which it cannot run.",
        why: "The fast approach ends before contact may begin, snug torque lies below the target, a band above no pressure.",
        wrong: "contact: { force: 5 N, between: 37.0 .. 41.5 mm }",
        right: "contact: { force: 5 N, between: 39.0 .. 41.5 mm }",
    }
    TwoStations in Recipe, before "          - use: { id: feed," {
        what: "Branches of one `parallel` work at different stations.",
        why: "A unit is in one nest, and that is at one station at a time: the other branch would wait for ever.",
        wrong: "          - check: { id: air, station: press, that: air_ok }",
        right: "          - check: { id: air, station: load, that: air_ok }",
    }
    OutputInUse in Recipe, before "  - press:" {
        what: "An output or axis belongs to the cell: the panel, a leak tester, the index table.",
        why: "Two writers overwrite each other. The table follows the `station:` of the steps, the lamps follow the state.",
        wrong: "  - move: { id: turn, axis: table, to: 90 deg, velocity: 100 deg/s }",
        right: "  - check: { id: arrived, station: press, that: nest_hub_present }",
    }
    NoStation in Recipe {
        what: "`from: unit.location` stands outside of `on_reject`.",
        why: "Only a rejected unit may be anywhere. On the way of a good one the author knows the station, and says it.",
        wrong: "- unload: { id: to-tray, robot: robot_r, from: unit.location, to: good_tray.next,",
        right: "- unload: { id: to-tray, station: test, robot: robot_r, from: nest, to: good_tray.next,",
    }
    MotorLimit in Recipe {
        what: "A target torque lies above the `torque_max` of the axis.",
        why: "The motor would stall before the joint is tight.",
        wrong: "target: 0.85 N·m",
        right: "target: 0.35 N·m",
    }
    OtherStation in Recipe {
        what: "A step asks a sensor of another station than its own; or a step without a station, an invariant, asks that \
            of any.",
        why: "With several units in flight another unit stands there: what is seen says nothing about the part of this step. \
            Only a step with `station:` keeps the table, and its unit, in place.",
        wrong: "check: close.nest_hub_present and nest_cannula_present",
        right: "check: nest_hub_present and nest_cannula_present",
    }
    OtherZone in Recipe, before "  - pick-place: { id: place-cap" {
        what: "A `move` brings an axis into the table's way, or a cobot to a station's pose, and its `station:` is another \
            one, or not given.",
        why: "The nest of another unit may stand there, or the table turn meanwhile. A step with that `station:` begins when \
            its own unit is there, and keeps the table.",
        wrong: "  - move: { id: over, station: press, robot: robot_r, pose: close.above }
  - move: { id: away, station: press, robot: robot_r, pose: home }",
        right: "  - move: { id: over, station: close, robot: robot_r, pose: close.above }
  - move: { id: away, station: close, robot: robot_r, pose: home }",
    }
    LeftInTheWay in Recipe, before "  - pick-place: { id: place-cap" {
        what: "A `move` leaves an axis outside of its range of `clear_when`, or a cobot at a station, and then the table turns: \
            the next step is at another station or names none, the unit leaves, or a step between rejects it. Or something else \
            moves there, or a person is asked to reach in.",
        why: "The table waits for an axis, and holds the cell with an alarm; a cobot it would run into. What goes in comes \
            out again, in steps at the same station, before anything else works there or can reject the unit; or else the \
            reject path begins with the way out.",
        wrong: "  - move: { id: down, station: press, axis: press_z, to: 30 mm, velocity: 20 mm/s }",
        right: "  - move: { id: down, station: press, axis: press_z, to: 30 mm, velocity: 20 mm/s }
  - move: { id: up, station: press, axis: press_z, to: 0 mm, velocity: 20 mm/s }",
    }
    Beside in Recipe, instead "          - use: { id: feed," {
        what: "Two branches of a `parallel` switch one output on and off, `move` one axis or cobot, or one leaves a cobot at the \
            station where the other works.",
        why: "Nobody says which is first: each step takes what it needs for itself, but between two of them the other branch \
            goes on. What has an order stands in one branch.",
        wrong: "          - move: { id: park, robot: robot_l, pose: home }\n          - use: { id: feed,",
        right: "          - move: { id: park, robot: robot_r, pose: home }\n          - use: { id: feed,",
    }
}
