//! A cell in virtual time: the world below the wire, and one life of its controller after the other.

use std::cell::{Ref, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use cellwright_bus::{InProcessLink, InProcessSegment, OwnedBus};
use cellwright_controller::{
    Controller, DeviceId, Devices, Input, Inputs, LedgerSettings, Notice, Outputs, Status,
};
use cellwright_driver_api::message::RobotDriver;
use cellwright_model::cell::Cell;
use cellwright_model::event::{ClockState, Event, Stamp, Transaction};
use cellwright_model::faults::{FaultEntry, FaultPlan};
use cellwright_model::job::RtStatus;
use cellwright_model::outcome::{Origin, Purpose};
use cellwright_model::packml::CellState;
use cellwright_model::plan::Plan;
use cellwright_model::plant::Material;
use cellwright_model::time::VIRTUAL_EPOCH_UNIX_NS;
use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::clock::{Clock, VirtualClock};
use cellwright_rt::{Cycle, Runner};
use cellwright_trace::Recovery;
use cellwright_twin::faults::Faults;
use cellwright_twin::plant::{Injection, Places, Truth};
use cellwright_twin::world::World;

use crate::journal::{Durable, Journal};
use crate::left::left_units;
use crate::twin::{self, TwinSide};
use crate::wires::Wires;
use crate::{Prepared, SimError, Storage, wiring};

/// How a cell in virtual time runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of every draw of the plant.
    pub seed: u64,
    pub purpose: Purpose,
    /// Who answers for it, as the record names them.
    pub operator: Option<String>,
    pub storage: Storage,
    /// What goes wrong below the wire.
    pub faults: Option<FaultPlan>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 1,
            purpose: Purpose::Simulation,
            operator: None,
            storage: Storage::default(),
            faults: None,
        }
    }
}

/// What one cycle brought.
#[derive(Debug, Default)]
pub struct Told {
    /// Durable, in their order.
    pub events: Vec<Event>,
    /// What they came in, with the journal entries that became durable with them.
    pub transactions: Vec<Transaction>,
    /// For people, at once.
    pub notices: Vec<Notice>,
}

/// The world as the segment of whichever controller lives.
struct SharedSegment {
    world: Rc<RefCell<World>>,
    now: TimeNs,
}

impl InProcessSegment for SharedSegment {
    fn process(&mut self, frame: &mut [u8], now: TimeNs) -> Option<DurationNs> {
        self.now = now;
        self.world.borrow_mut().process(frame, now)
    }

    fn next_reply(&self) -> Option<TimeNs> {
        self.world.borrow().next_reply()
    }

    fn take_reply(&mut self, now: TimeNs, buffer: &mut [u8]) -> Option<usize> {
        self.world.borrow_mut().take_reply(now, buffer)
    }

    fn cycle_begin(&mut self, _cycle: u64, nominal_period: DurationNs) {
        self.world.borrow_mut().cycle(self.now, nominal_period.0);
    }
}

/// One life of a controller: what a kill ends.
struct Life {
    runner: Runner<OwnedBus, VirtualClock>,
    controller: Controller,
    journal: Journal,
    inputs: Inputs,
    outputs: Outputs,
}

/// See the module text. Not killed, it is taken down in order when it is dropped.
pub struct VirtualCell {
    cell: Arc<Cell>,
    plan: Arc<Plan>,
    materials: Vec<Material>,
    options: Options,
    clock: VirtualClock,
    world: Rc<RefCell<World>>,
    truth: Arc<Truth>,
    wires: Wires,
    life: Option<Life>,
    /// Told before the first cycle of a life: what the last one left open.
    first: Durable,
}

impl VirtualCell {
    /// A cell at power-up with its first controller, its bus brought up (a failure of that reaches the
    /// controller, which says it).
    ///
    /// Errors: a plant, cell or state directory that cannot be used.
    pub fn new(prepared: Prepared, options: Options) -> Result<VirtualCell, SimError> {
        let Prepared { cell, plan, plant, .. } = prepared;
        let plant = plant.ok_or(SimError::NoPlant)?;
        let truth = Arc::new(Truth { description: plant.clone(), seed: options.seed });
        let (journal, recovery) = Journal::open(&cell, options.seed, &options.storage)?;
        let trays = wiring::tray_use(&cell, recovery.as_ref());
        let TwinSide { mut world, robots, mut devices } = TwinSide::new(&cell, plant, options.seed, &trays)?;
        world.set_faults(options.faults.as_ref().map(|plan| Faults::new(plan, &cell)));
        twin::bring(&mut devices.materials, &plan).into_iter().for_each(|act| world.inject(act));
        let mut this = VirtualCell {
            cell,
            plan,
            materials: devices.materials,
            options,
            clock: VirtualClock::default(),
            world: Rc::new(RefCell::new(world)),
            truth,
            wires: Wires::new(devices.cameras, devices.scanners, devices.printers, devices.scene),
            life: None,
            first: Durable::default(),
        };
        let drivers = twin::drivers(&this.cell, robots);
        this.begin(drivers, journal, recovery)?;
        Ok(this)
    }

    /// The next controller, on the same world, from what the last one made durable.
    ///
    /// Errors: a cell without a state directory, or one that cannot be used.
    pub fn restart(&mut self) -> Result<(), SimError> {
        self.kill();
        let (journal, recovery) = Journal::open(&self.cell, self.options.seed, &self.options.storage)?;
        if recovery.is_none() {
            return Err(SimError::NoJournal);
        }
        let robots = self.world.borrow_mut().reconnect(&self.cell);
        let robots = robots.into_iter().map(|r| Box::new(r) as Box<dyn RobotDriver + Send>).collect();
        let drivers = twin::drivers(&self.cell, robots);
        self.begin(drivers, journal, recovery)
    }

    fn begin(
        &mut self,
        drivers: Devices,
        mut journal: Journal,
        recovery: Option<Recovery>,
    ) -> Result<(), SimError> {
        let trays = wiring::tray_use(&self.cell, recovery.as_ref());
        let settings = LedgerSettings {
            origin: Origin::Twin,
            purpose: self.options.purpose,
            approval: None,
            program: wiring::program(),
            operator: self.options.operator.clone(),
            clock_state: ClockState::Virtual,
            trays,
        };
        let plans = core::iter::once(&self.plan);
        let left = recovery.as_ref().map(|r| left_units(&self.cell, r, plans, &settings)).unwrap_or_default();
        let engine = wiring::engine(&self.cell, &settings.trays, recovery.as_ref(), left)?;
        if let Some(recovery) = &recovery {
            self.first = journal.close_open_units(recovery, self.stamp())?;
        }
        let (rt, ends) = cellwright_rt::link();
        let cycle = Cycle::new(&self.cell, wiring::drivers(&self.cell), rt)?;
        let segment = SharedSegment { world: self.world.clone(), now: self.clock.now() };
        let link = InProcessLink::new(segment, self.clock.clone());
        let config = wiring::bus_config(&self.cell, "twin");
        let bus = OwnedBus::new(Box::new(link), Rc::new(self.clock.clone()), config);
        let mut runner = Runner::new(cycle, bus, self.clock.clone());
        // A failure reaches the controller, which says it.
        let _told = runner.bring_up();
        self.life = Some(Life {
            runner,
            controller: Controller::new(self.cell.clone(), engine, ends, drivers, settings),
            journal,
            inputs: Inputs::default(),
            outputs: Outputs::default(),
        });
        Ok(())
    }

    /// One cycle: the world, the bus, the cycle's own work, one step of the controller, the disk. Without a
    /// controller the world goes on alone.
    ///
    /// Errors: a program error, or a record that cannot be written.
    pub fn tick(&mut self) -> Result<Told, SimError> {
        let Some(life) = &mut self.life else {
            let now = self.clock.now() + self.cell.cycle;
            self.clock.sleep_until(now);
            self.world.borrow_mut().cycle(now, self.cell.cycle.0);
            return Ok(Told::default());
        };
        life.runner.tick().map_err(SimError::ProgramError)?;
        // The instant of the cycle, not of its frames' return: how long those were on the wire depends on what
        // else was sent, and nobody's waiting may. In whole periods, wherever its phase to the clocks is.
        let period = self.cell.cycle.0.max(1);
        let now = TimeNs(life.runner.begun().0 / period * period);
        self.wires.deliver(now, &mut life.inputs);
        life.journal.acknowledged(now, &mut life.inputs.persisted);
        life.inputs.wall_unix_ns = VIRTUAL_EPOCH_UNIX_NS + i128::from(now.0);
        life.controller.step(now, &mut life.inputs, &mut life.outputs);
        for (device, bytes) in life.outputs.streams.drain(..) {
            self.wires.send(now, device, &bytes);
        }
        life.journal.take(now, core::mem::take(&mut life.outputs.transactions));
        let Durable { mut events, mut transactions } = core::mem::take(&mut self.first);
        let durable = life.journal.write(now)?;
        events.extend(durable.events);
        transactions.extend(durable.transactions);
        Ok(Told { events, transactions, notices: core::mem::take(&mut life.outputs.notices) })
    }

    /// Given to the controller in the next cycle: commands, orders, answers, acknowledgements, material.
    /// Without a controller nobody hears it.
    pub fn give(&mut self, input: Input) {
        if let Some(life) = &mut self.life {
            life.inputs.operator.push(input);
        }
    }

    /// Does something to the machine, from the next cycle on.
    pub fn inject(&mut self, injection: Injection) {
        self.world.borrow_mut().inject(injection);
    }

    /// One fault more below the wire, from now on; its moment is not looked at.
    pub fn strike(&mut self, fault: FaultEntry) {
        self.world.borrow_mut().strike(&self.cell, fault);
    }

    /// Ends every fault of the plan; none begins any more.
    pub fn mend(&mut self) {
        self.world.borrow_mut().mend();
    }

    /// Pulls the plug of a camera, scanner or printer, or puts it back.
    pub fn plug(&mut self, device: DeviceId, connected: bool) {
        self.wires.plug(device, connected);
    }

    /// Switches the supply of one SubDevice, by its position in the segment.
    pub fn set_power(&mut self, position: usize, on: bool) {
        self.world.borrow_mut().set_power(position, on);
    }

    /// The disk refuses every commit, for a cause in words, or takes again what waits (`None`).
    pub fn store_refuses(&mut self, cause: Option<&str>) {
        if let Some(life) = &mut self.life {
            life.journal.refuse(cause.is_some());
            let cause = cause.unwrap_or_default().to_owned();
            life.inputs.operator.push(Input::Store { writable: cause.is_empty(), cause });
        }
    }

    /// Ends the controller without a word, as `kill -9` does: what it had not made durable is lost. The
    /// world lives on.
    pub fn kill(&mut self) {
        if let Some(life) = self.life.take() {
            life.runner.into_bus().abandon();
            self.wires.cut();
        }
    }

    /// Ends the controller in order: outputs in their defined off state, the segment in INIT.
    ///
    /// Errors: the segment did not answer.
    pub fn shut_down(&mut self) -> Result<(), SimError> {
        match self.life.take() {
            Some(mut life) => Ok(life.runner.shut_down()?),
            None => Ok(()),
        }
    }

    /// Virtual time since power-up.
    pub fn now(&self) -> TimeNs {
        self.clock.now()
    }

    fn stamp(&self) -> Stamp {
        let now = self.clock.now();
        Stamp { wall_unix_ns: VIRTUAL_EPOCH_UNIX_NS + i128::from(now.0), monotonic_ns: now.0 }
    }

    pub fn cell(&self) -> &Arc<Cell> {
        &self.cell
    }

    /// What it makes.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Material that the plant has: what lies in its trays and lanes.
    pub fn materials(&self) -> &[Material] {
        &self.materials
    }

    /// `None` between a kill and the restart.
    pub fn controller(&self) -> Option<&Controller> {
        self.life.as_ref().map(|l| &l.controller)
    }

    /// Everything that the controller has said so far is durable.
    pub fn recorded(&self) -> bool {
        self.life.as_ref().is_none_or(|l| l.journal.pending() == 0)
    }

    /// State of the cell; without a controller Aborted, as the next one will power up.
    pub fn state(&self) -> CellState {
        self.controller().map_or(CellState::Aborted, |c| c.engine().state())
    }

    /// What the engine is doing; `None` without a controller.
    pub fn status(&self) -> Option<Status> {
        self.controller().map(Controller::engine_status)
    }

    /// The cycle's latest snapshot; without a controller an empty one.
    pub fn rt(&self) -> RtStatus {
        self.controller().map_or_else(RtStatus::default, |c| *c.status())
    }

    /// The other side of the wire, to look at.
    pub fn world(&self) -> Ref<'_, World> {
        self.world.borrow()
    }

    /// Where every part truly is.
    pub fn places(&self) -> Ref<'_, Places> {
        Ref::map(self.world.borrow(), |w| w.plant().places())
    }

    /// What the parts truly are.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }
}
