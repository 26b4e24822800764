//! A bus that owns what it borrows: for a holder that makes, drops and makes it again as it likes, as a
//! cell in virtual time does whose controller is killed.

use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::{
    Bus, BusCounters, BusFault, Busy, Emergency, Exchange, Layout, ProcessImage, Reference, SdoReply,
    SdoRequest,
};
use cellwright_rt::clock::Clock;

use crate::group::{BusConfig, EthercrabBus, Frames};
use crate::link::Link;

/// The parts of any link and clock; a call more for each frame.
type AnyBus<'sto> = EthercrabBus<'sto, Box<dyn Link>, std::rc::Rc<dyn Clock>>;

self_cell::self_cell! {
    struct Holder {
        owner: Box<Frames>,
        #[not_covariant]
        dependent: AnyBus,
    }
}

/// See the module text. Dropped, it takes its segment to INIT.
pub struct OwnedBus(Holder);

impl OwnedBus {
    /// As [`crate::with_bus`], without a frame of the stack that it lives in.
    pub fn new(link: Box<dyn Link>, clock: std::rc::Rc<dyn Clock>, config: BusConfig) -> OwnedBus {
        let frames = Box::new(Frames::new());
        OwnedBus(Holder::new(frames, |frames| EthercrabBus::new(frames, link, clock, config)))
    }

    /// Drops it without a word to the segment, as a process does that is killed.
    pub fn abandon(mut self) {
        self.with(|bus| bus.forget());
    }

    fn with<R>(&mut self, f: impl FnOnce(&mut AnyBus<'_>) -> R) -> R {
        self.0.with_dependent_mut(|_, bus| f(bus))
    }
}

impl Bus for OwnedBus {
    fn bring_up(&mut self) -> Result<Layout, BusFault> {
        self.with(|bus| bus.bring_up())
    }
    fn enter_op(&mut self, image: &mut ProcessImage) -> Result<(), BusFault> {
        self.with(|bus| bus.enter_op(image))
    }
    fn exchange(&mut self, cycle: u64, image: &mut ProcessImage, deadline: TimeNs) -> Exchange {
        self.with(|bus| bus.exchange(cycle, image, deadline))
    }
    fn reference(&self) -> Option<Reference> {
        self.0.with_dependent(|_, bus| bus.reference())
    }
    fn simulated(&mut self) -> DurationNs {
        self.with(|bus| bus.simulated())
    }
    fn shutdown(&mut self) -> Result<(), BusFault> {
        self.with(|bus| bus.shutdown())
    }
    fn counters(&self) -> BusCounters {
        self.0.with_dependent(|_, bus| bus.counters())
    }
    fn request_sdo(&mut self, request: SdoRequest) -> Result<(), Busy> {
        self.with(|bus| bus.request_sdo(request))
    }
    fn poll_sdo(&mut self) -> Option<SdoReply> {
        self.with(|bus| bus.poll_sdo())
    }
    fn poll_emergency(&mut self) -> Option<Emergency> {
        self.with(|bus| bus.poll_emergency())
    }
}
