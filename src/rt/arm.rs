//! Arming: the bus up, the actual values read, outputs written that move nothing, then OP. And its
//! opposite: outputs to their defined off state whatever has happened.

use cellwright_model::job::{RtFault, RtFaultKind, UrgentWord};
use cellwright_model::outcome::FaultClass;

use crate::bus::{Bus, BusFault, ProcessImage};
use crate::clock::Clock;
use crate::cycle::Cycle;

/// Exchanges in SAFE-OP until the first valid inputs.
const FIRST_INPUTS_TRIES: u32 = 100;

impl Cycle {
    /// Brings the bus up and enters OP with every drive off and every digital output in its off state.
    /// Allocates; the thread is not armed while it runs. Can be called again after the bus was lost; an
    /// abort is over then unless the urgent word is still `Abort`.
    ///
    /// Errors: the fault is handed to the controller, too.
    pub fn arm<B: Bus + ?Sized, C: Clock>(&mut self, bus: &mut B, clock: &C) -> Result<(), BusFault> {
        self.armed = false;
        self.end_everything();
        let result = self.try_arm(bus, clock);
        match result {
            Ok(serials) => {
                self.bring_up.tell_found(serials);
                self.armed = true;
                self.bus_down = false;
                self.aborted = self.word == UrgentWord::Abort;
                self.clear_wanted = false;
            }
            Err(fault) => {
                self.latch_abort();
                self.bring_up.tell(fault.clone());
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Gives the serial number of each SubDevice.
    fn try_arm<B: Bus + ?Sized, C: Clock>(&mut self, bus: &mut B, clock: &C) -> Result<Vec<u32>, BusFault> {
        let layout = bus.bring_up()?;
        self.check_layout(&layout)?;
        self.image = ProcessImage::new(&layout)?;
        self.first_inputs(bus, clock)?;
        self.decode();
        self.safety_ok = self.signals.safety_lost().is_none();
        // With the actual values at hand each drive gets its own position as target.
        self.encode(clock.now());
        bus.enter_op(&mut self.image)?;
        Ok(layout.subdevices.iter().map(|s| s.identity.serial).collect())
    }

    fn first_inputs<B: Bus + ?Sized, C: Clock>(&mut self, bus: &mut B, clock: &C) -> Result<(), BusFault> {
        for _ in 0..FIRST_INPUTS_TRIES {
            let next = clock.now() + self.period;
            self.number += 1;
            if bus.exchange(self.number, &mut self.image, next).is_ok() {
                return Ok(());
            }
            clock.sleep_until(next);
        }
        Err(BusFault::Timeout { doing: "waiting for the first valid inputs in SAFE-OP" })
    }

    /// Ends what is still open: no job lives through a bring-up.
    fn end_everything(&mut self) {
        self.signals.off();
        self.power.cancel_enable(u64::MAX, &mut self.axes, &mut self.events);
        for axis in &mut self.axes {
            axis.end_now(&mut self.events);
        }
    }

    /// Writes the defined off state into the image: drives off, digital outputs to their off state. For a
    /// cycle that ended by a program error, so it trusts no state but the cell description.
    pub fn outputs_off(&mut self) {
        self.image.outputs_off();
        self.signals.off();
        self.signals.encode(&mut self.drivers, &mut self.image);
        self.aborted = true;
    }

    /// Sends what is in the image once more, in an exchange of its own.
    pub fn exchange_once<B: Bus + ?Sized, C: Clock>(&mut self, bus: &mut B, clock: &C) {
        if self.armed {
            self.number += 1;
            let deadline = clock.now() + self.period;
            bus.exchange(self.number, &mut self.image, deadline);
        }
    }

    /// Tells the controller that the cycle ended by a program error.
    pub fn tell_program_error(&mut self) {
        self.armed = false;
        let kind = RtFaultKind::ProgramError;
        let fault = RtFault { kind, axis: None, value: 0.0, limit: 0.0, class: FaultClass::Abort };
        self.events.machine(fault);
    }
}
