//! From power-on to OP: scan, compare with the cell description, start-up SDOs, SAFE-OP, OP.

use std::rc::Rc;

use cellwright_model::{DurationNs, TimeNs};
use cellwright_rt::bus::{
    AlState, BusFault, ExchangeStatus, IMAGE_BYTES_MAX, Identity, Layout, ProcessImage, SUBDEVICES_MAX,
    SdoData, SdoFault, SdoOp, SdoRequest, SubDeviceLayout,
};
use cellwright_rt::clock::Clock;
use ethercrab::error::Error;
use ethercrab::subdevice_group::{PreOp, SafeOp};
use ethercrab::{Command, MainDevice, RegisterAddress, SubDevice};

use crate::coe::Mailboxes;
use crate::group::{EthercrabBus, ExpectedSubDevice, ExpectedWkc, Group, Stage};
use crate::link::Link;
use crate::time;

/// Bound on each of scan and SAFE-OP: 64 SubDevices with large SIIs on a slow host, with a wide margin.
const STAGE_WAIT: DurationNs = DurationNs(60_000_000_000);
/// From the request for OP until every SubDevice is there.
const OP_WAIT: DurationNs = DurationNs(5_000_000_000);
/// Bound on one SDO or register access while arming.
const ACCESS_WAIT: DurationNs = DurationNs(1_000_000_000);
/// Bound on the first SDO of our own client, which may meet a counter used just before.
const FIRST_SDO_WAIT: DurationNs = DurationNs(100_000_000);
/// Pause between two looks at a mailbox while arming.
const MAILBOX_PAUSE: DurationNs = DurationNs(200_000);
/// While waiting for OP, the SubDevices that are not there are asked why every so many cycles.
const ASK_WHY_EVERY: u32 = 8;
/// CoE in the SII's mailbox protocols, word 0x1C bit 2 (ETG.1000.6, table 18).
const SII_MAILBOX_PROTOCOLS: u16 = 0x001c;
const PROTOCOL_COE: u16 = 0x0004;
/// The identity object, which every SubDevice with CoE has.
const IDENTITY_OBJECT: u16 = 0x1018;

impl<'sto, L: Link, C: Clock> EthercrabBus<'sto, L, C> {
    /// Everything up to SAFE-OP.
    pub(crate) fn arm(&mut self) -> Result<Layout, BusFault> {
        if self.config.subdevices.len() > SUBDEVICES_MAX {
            let cause = format!("{} SubDevices, at most {SUBDEVICES_MAX}", self.config.subdevices.len());
            return Err(BusFault::Protocol { doing: "reading the bus configuration", cause });
        }
        self.coe.reset(Vec::new());
        (self.reference, self.sync0) = (None, None);
        self.stages.begin(self.pump.clock.now());
        let group = self.scan()?;
        self.end_of("scan, SII, offsets of the clocks, PRE-OP");
        let has_coe = self.find_mailboxes(&group)?;
        self.write_start_up_sdos()?;
        let main = &*Rc::clone(&self.main);
        for position in 0..self.config.subdevices.len() {
            self.coe.fetch_unasked(position, &mut self.pump, main, ACCESS_WAIT);
        }
        self.end_of("start-up SDOs");
        self.set_up_sync0(&group)?;
        self.end_of("SYNC0");
        let group = self.within(STAGE_WAIT, "going to SAFE-OP", AlState::SafeOp, group.into_safe_op(main))?;
        self.end_of("SAFE-OP");
        self.greet_mailboxes()?;
        let layout = self.layout(&group, &has_coe);
        self.end_of("first SDO of each mailbox");
        self.stage = Stage::SafeOp(Box::new(group));
        Ok(layout)
    }

    fn end_of(&mut self, stage: &'static str) {
        self.stages.end_of(stage, self.pump.clock.now());
    }

    /// Resets the segment, reads every SII, compares, goes to PRE-OP.
    fn scan(&mut self) -> Result<Group<PreOp>, BusFault> {
        let deadline = self.pump.clock.now() + STAGE_WAIT;
        let (main, replies_before) = (&*self.main, self.pump.replies);
        let expected = &self.config.subdevices;
        let mut stations = Vec::new();
        let mut wrong = None;
        let init = main.init::<SUBDEVICES_MAX, _>(time::now_ns, Group::default(), |group, subdevice| {
            let position = stations.len();
            stations.push(subdevice.configured_address());
            match compare(position, expected.get(position), Some(subdevice)) {
                None => Ok(group as _),
                Some(fault) => {
                    wrong.get_or_insert(fault);
                    Err(Error::UnknownSubDevice)
                }
            }
        });
        let result = self.pump.run(init, deadline);
        if let Some(fault) = wrong {
            return Err(fault);
        }
        let silent = self.pump.replies == replies_before;
        let group: Group<PreOp> = match result {
            _ if silent => return Err(BusFault::NoSubDevices { link: self.config.link_name.clone() }),
            Some(Ok(group)) => group,
            Some(Err(error)) => return Err(self.explain("scanning", AlState::PreOp, error)),
            None => return Err(BusFault::Timeout { doing: "scanning" }),
        };
        if group.is_empty() {
            return Err(BusFault::NoSubDevices { link: self.config.link_name.clone() });
        }
        if let Some(fault) = compare(group.len(), self.config.subdevices.get(group.len()), None) {
            return Err(fault);
        }
        self.stations = stations;
        Ok(group)
    }

    /// Finds the mailboxes that ethercrab has set, by the SyncManagers; says which SubDevices speak CoE.
    fn find_mailboxes(&mut self, group: &Group<PreOp>) -> Result<Vec<bool>, BusFault> {
        let main = &*Rc::clone(&self.main);
        let mut boxes = Vec::with_capacity(group.len());
        for subdevice in group.iter(main) {
            let station = subdevice.configured_address();
            let read = async {
                let protocols = subdevice.eeprom_read::<u16>(main, SII_MAILBOX_PROTOCOLS).await?;
                let sync_managers = Command::fprd(station, 0x0800).receive::<[u8; 16]>(main).await?;
                Ok((protocols, sync_managers))
            };
            let (protocols, sync_managers) =
                self.within(ACCESS_WAIT, "reading the mailbox configuration", AlState::PreOp, read)?;
            let has_coe = protocols & PROTOCOL_COE != 0;
            boxes.push(has_coe.then(|| Mailboxes::from_sync_managers(station, &sync_managers)).flatten());
        }
        let has_coe = boxes.iter().map(Option::is_some).collect();
        self.coe.reset(boxes);
        Ok(has_coe)
    }

    fn write_start_up_sdos(&mut self) -> Result<(), BusFault> {
        for position in 0..self.config.subdevices.len() {
            for at in 0..self.config.subdevices[position].start_up.len() {
                let sdo = &self.config.subdevices[position].start_up[at];
                let (index, sub, data) = (sdo.index, sdo.sub, sdo.data);
                let op = if sdo.check { SdoOp::Upload } else { SdoOp::Download(data) };
                let check = sdo.check;
                let request = SdoRequest { position: position as u16, index, sub, op };
                let read =
                    self.sdo(request, ACCESS_WAIT).map_err(|fault| self.sdo_refused(&request, fault))?;
                if check && read != data {
                    let shown =
                        |d: &SdoData| d.as_u64().map_or_else(|| format!("{d:?}"), |v| format!("{v:#x}"));
                    let cause = format!("it is {}, and {} in the cell file", shown(&read), shown(&data));
                    return Err(self.start_up_fault(&request, cause));
                }
            }
        }
        Ok(())
    }

    /// One SDO with every mailbox before the cycle begins. ethercrab has used the mailboxes until now; if
    /// our first counter is the one that it used last, the SubDevice takes our message for a repetition
    /// and does not answer: the next counter is another.
    fn greet_mailboxes(&mut self) -> Result<(), BusFault> {
        for position in 0..self.config.subdevices.len() {
            if !self.coe.has_mailbox(position) {
                continue;
            }
            let op = SdoOp::Upload;
            let request = SdoRequest { position: position as u16, index: IDENTITY_OBJECT, sub: 0, op };
            let answer = match self.sdo(request, FIRST_SDO_WAIT) {
                Err(SdoFault::Timeout) => self.sdo(request, ACCESS_WAIT),
                answer => answer,
            };
            answer.map_err(|fault| self.sdo_refused(&request, fault))?;
        }
        Ok(())
    }

    /// One SDO from request to answer: what was read, nothing after a download.
    fn sdo(&mut self, request: SdoRequest, wait: DurationNs) -> Result<SdoData, SdoFault> {
        // An answer that nobody fetched before the reset would block the way.
        self.coe.poll_reply();
        self.coe.request_within(request, wait).map_err(|_| SdoFault::Timeout)?;
        loop {
            if let Some(reply) = self.coe.poll_reply() {
                return reply.result;
            }
            let now = self.pump.clock.now();
            self.coe.step(&mut self.pump, &self.main, now + ACCESS_WAIT, DurationNs(0));
            self.pump.clock.sleep_until(now + MAILBOX_PAUSE);
        }
    }

    fn sdo_refused(&self, request: &SdoRequest, fault: SdoFault) -> BusFault {
        self.start_up_fault(request, fault.to_string())
    }

    fn start_up_fault(&self, request: &SdoRequest, cause: String) -> BusFault {
        let SdoRequest { position, index, sub, .. } = *request;
        BusFault::StartUpSdo { position, name: self.name(position), index, sub, cause }
    }

    fn layout(&mut self, group: &Group<SafeOp>, has_coe: &[bool]) -> Layout {
        let mut lengths = Vec::with_capacity(group.len());
        let mut subdevices = Vec::with_capacity(group.len());
        for (position, subdevice) in group.iter(&self.main).enumerate() {
            let (inputs_len, outputs_len) = (subdevice.inputs_raw().len(), subdevice.outputs_raw().len());
            lengths.push((inputs_len, outputs_len));
            subdevices.push(SubDeviceLayout {
                name: self.name(position as u16),
                identity: identity_of(&subdevice),
                inputs_len,
                outputs_len,
                has_coe: has_coe.get(position).copied().unwrap_or(false),
            });
        }
        self.wkc = ExpectedWkc::of(&lengths, self.config.dc.is_some());
        Layout { expected_wkc: self.wkc.full, ..Layout::new(subdevices) }
    }

    /// SAFE-OP to OP, with outputs from the first cycle on.
    pub(crate) fn request_op(&mut self, image: &mut ProcessImage) -> Result<(), BusFault> {
        if matches!(self.stage, Stage::Op(_)) {
            return Ok(());
        }
        // Outputs must have arrived before OP is asked for, or a SubDevice refuses (0x0019).
        if matches!(self.stage, Stage::SafeOp(_)) {
            self.stages.resume(self.pump.clock.now());
            self.cycle_while_arming(image);
            self.wait_for_clocks(image)?;
            self.end_of("first pulse of SYNC0, clocks agree");
        }
        let Stage::SafeOp(group) = core::mem::replace(&mut self.stage, Stage::Down) else {
            return Err(BusFault::NotUp);
        };
        let main = &*Rc::clone(&self.main);
        let group = self.within(OP_WAIT, "asking for OP", AlState::Op, group.request_into_op(main))?;
        self.stage = Stage::Op(Box::new(group));
        self.wait_for_op(image)?;
        self.end_of("OP");
        Ok(())
    }

    /// Cycles until every SubDevice is in OP; one that refuses ends it with its reason.
    fn wait_for_op(&mut self, image: &mut ProcessImage) -> Result<(), BusFault> {
        let deadline = self.pump.clock.now() + OP_WAIT;
        let mut cycles = 0u32;
        loop {
            let status = self.cycle_while_arming(image);
            if status == ExchangeStatus::Ok {
                return Ok(());
            }
            cycles += 1;
            if cycles.is_multiple_of(ASK_WHY_EVERY)
                && let Some(refused) = self.find_refusal(AlState::Op)
            {
                return Err(refused);
            }
            if self.pump.clock.now() > deadline {
                return Err(match status {
                    ExchangeStatus::AlState { position, state, code } => {
                        self.refusal(position, AlState::Op, state, code)
                    }
                    ExchangeStatus::WkcMismatch { got, expected } => BusFault::Protocol {
                        doing: "waiting for OP",
                        cause: format!("working counter {got}, expected {expected}"),
                    },
                    _ => BusFault::Timeout { doing: "waiting for OP" },
                });
            }
        }
    }

    /// Runs one step of arming within a bound and explains its failure.
    pub(crate) fn within<T>(
        &mut self,
        wait: DurationNs,
        doing: &'static str,
        wanted: AlState,
        step: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, BusFault> {
        let deadline: TimeNs = self.pump.clock.now() + wait;
        match self.pump.run(step, deadline) {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(self.explain(doing, wanted, error)),
            None => Err(BusFault::Timeout { doing }),
        }
    }

    /// ethercrab says what failed, seldom where: the AL status of every SubDevice says that.
    fn explain(&mut self, doing: &'static str, wanted: AlState, error: Error) -> BusFault {
        if let Error::PdiTooLong { desired_length, .. } = error {
            return BusFault::ImageTooLarge { bytes: desired_length, limit: IMAGE_BYTES_MAX };
        }
        if let Some(refused) = self.find_refusal(wanted) {
            return refused;
        }
        match error {
            Error::Timeout(_) => BusFault::Timeout { doing },
            error => BusFault::Protocol { doing, cause: error.to_string() },
        }
    }

    /// The first SubDevice whose AL status has the error flag.
    fn find_refusal(&mut self, wanted: AlState) -> Option<BusFault> {
        for (position, station) in self.stations.clone().into_iter().enumerate() {
            let deadline = self.pump.clock.now() + ACCESS_WAIT;
            let status = read_al_status(&self.main, station);
            if let Some(Ok(status)) = self.pump.run(status, deadline)
                && status[0] & 0x10 != 0
            {
                let code = u16::from_le_bytes([status[4], status[5]]);
                return Some(self.refusal(position as u16, wanted, AlState::from_register(status[0]), code));
            }
        }
        None
    }

    fn refusal(&self, position: u16, wanted: AlState, reached: AlState, code: u16) -> BusFault {
        BusFault::StateTransition { position, name: self.name(position), wanted, reached, code }
    }

    pub(crate) fn name(&self, position: u16) -> String {
        self.config.subdevices.get(usize::from(position)).map_or_else(String::new, |s| s.name.clone())
    }
}

/// AL status, reserved word and AL status code, registers 0x0130 to 0x0135.
async fn read_al_status<'s>(main: &'s MainDevice<'s>, station: u16) -> Result<[u8; 6], Error> {
    Command::fprd(station, RegisterAddress::AlStatus.into()).receive::<[u8; 6]>(main).await
}

fn identity_of(subdevice: &SubDevice) -> Identity {
    let id = subdevice.identity();
    Identity { vendor: id.vendor_id, product: id.product_id, revision: id.revision, serial: id.serial }
}

/// A fault if what is found at a position is not what is expected there.
fn compare(
    position: usize,
    expected: Option<&ExpectedSubDevice>,
    found: Option<&SubDevice>,
) -> Option<BusFault> {
    let found = found.map(identity_of);
    let same = match (expected, &found) {
        (Some(expected), Some(found)) => expected.identity.accepts(found),
        (None, None) => true,
        _ => false,
    };
    (!same).then(|| BusFault::WrongSegment {
        position: position as u16,
        name: expected.map_or_else(String::new, |e| e.name.clone()),
        expected: expected.map(|e| e.identity),
        found,
    })
}
