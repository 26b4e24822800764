//! Tests by raw datagrams: a little MainDevice that knows nothing of the code it tests.

mod addressing;
mod assignment;
mod bring_up;
mod clocks;
mod frames;
mod logical;
mod mailboxes;
mod sii_access;
mod states;
mod topology;
mod transfers;

use std::sync::{Arc, Mutex};

use cellwright_driver_api::twin::{
    DataType, Description, Emergency, EntryInfo, Identity, MailboxSizes, ObjectInfo, Pdo, PdoEntry,
    PlantPort, Quantities, SdoAbort, SubDeviceModel, TWIN_VENDOR,
};
use cellwright_model::TimeNs;

use super::{DEFAULT_HOP_DELAY_NS, Processed, Segment};

const APRD: u8 = 1;
const APWR: u8 = 2;
const FPRD: u8 = 4;
const FPWR: u8 = 5;
const FPRW: u8 = 6;
const BRD: u8 = 7;
const BWR: u8 = 8;
const BRW: u8 = 9;
const LRD: u8 = 10;
const LWR: u8 = 11;
const LRW: u8 = 12;
const ARMW: u8 = 13;
const FRMW: u8 = 14;

const MS: u64 = 1_000_000;

/// One datagram to send, or as it came back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pdu {
    command: u8,
    adp: u16,
    ado: u16,
    data: Vec<u8>,
    irq: u16,
    wkc: u16,
}

impl Pdu {
    fn new(command: u8, adp: u16, ado: u16, data: &[u8]) -> Pdu {
        Pdu { command, adp, ado, data: data.to_vec(), irq: 0, wkc: 0 }
    }

    fn logical(command: u8, address: u32, data: &[u8]) -> Pdu {
        Pdu::new(command, address as u16, (address >> 16) as u16, data)
    }
}

/// An Ethernet frame of `pdus`, unpadded.
fn encode(pdus: &[Pdu]) -> Vec<u8> {
    let mut body = Vec::new();
    for (i, p) in pdus.iter().enumerate() {
        let more = u16::from(i + 1 < pdus.len()) << 15;
        body.extend([p.command, i as u8]);
        body.extend(p.adp.to_le_bytes());
        body.extend(p.ado.to_le_bytes());
        body.extend((p.data.len() as u16 | more).to_le_bytes());
        body.extend(p.irq.to_le_bytes());
        body.extend(&p.data);
        body.extend(p.wkc.to_le_bytes());
    }
    let mut frame = vec![0xFF; 6];
    frame.extend([0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x88, 0xA4]);
    frame.extend((body.len() as u16 | 0x1000).to_le_bytes());
    frame.extend(body);
    frame
}

fn decode(frame: &[u8]) -> Vec<Pdu> {
    let word = |at: usize| u16::from_le_bytes([frame[at], frame[at + 1]]);
    let (mut at, mut pdus) = (16, Vec::new());
    loop {
        let len = usize::from(word(at + 6) & 0x7FF);
        pdus.push(Pdu {
            command: frame[at],
            adp: word(at + 2),
            ado: word(at + 4),
            data: frame[at + 10..at + 10 + len].to_vec(),
            irq: word(at + 8),
            wkc: word(at + 10 + len),
        });
        if word(at + 6) & 0x8000 == 0 {
            return pdus;
        }
        at += 12 + len;
    }
}

/// A MainDevice with a segment, a plant of numbers and a clock.
struct Main {
    segment: Segment,
    plant: Quantities,
    now: u64,
}

impl Main {
    fn new(models: Vec<Box<dyn SubDeviceModel>>) -> Main {
        let segment = Segment::new(models, DEFAULT_HOP_DELAY_NS).expect("a segment");
        Main { segment, plant: Quantities::default(), now: 0 }
    }

    /// One frame with `pdus`, sent and returned.
    fn frame(&mut self, pdus: &[Pdu]) -> Vec<Pdu> {
        let mut bytes = encode(pdus);
        let done = self.segment.process(&mut bytes, TimeNs(self.now));
        assert!(matches!(done, Processed::Returned { .. }), "{done:?}");
        assert_eq!(bytes[6], 0x12, "source address is marked");
        decode(&bytes)
    }

    fn one(&mut self, pdu: Pdu) -> Pdu {
        self.frame(&[pdu]).remove(0)
    }

    /// Reads `len` bytes of the SubDevice at `position`.
    fn read(&mut self, position: u16, at: u16, len: usize) -> (Vec<u8>, u16) {
        let p = self.one(Pdu::new(APRD, position.wrapping_neg(), at, &vec![0; len]));
        (p.data, p.wkc)
    }

    fn read_u16(&mut self, position: u16, at: u16) -> u16 {
        let (data, wkc) = self.read(position, at, 2);
        assert_eq!(wkc, 1);
        u16::from_le_bytes([data[0], data[1]])
    }

    /// Writes and returns the working counter.
    fn write(&mut self, position: u16, at: u16, data: &[u8]) -> u16 {
        self.one(Pdu::new(APWR, position.wrapping_neg(), at, data)).wkc
    }

    /// Sets up a SyncManager.
    fn sync_manager(&mut self, position: u16, sm: u16, start: u16, len: u16, control: u8) {
        let mut r = start.to_le_bytes().to_vec();
        r.extend(len.to_le_bytes());
        r.extend([control, 0, u8::from(len > 0), 0]);
        assert_eq!(self.write(position, 0x0800 + 8 * sm, &r), 1);
    }

    /// Sets up an FMMU: logical address, bytes, first and last bit, memory address and bit, direction.
    #[allow(clippy::too_many_arguments)]
    fn fmmu(
        &mut self,
        position: u16,
        n: u16,
        logical: u32,
        len: u16,
        bits: (u8, u8),
        at: u16,
        bit: u8,
        direction: u8,
    ) {
        let mut r = logical.to_le_bytes().to_vec();
        r.extend(len.to_le_bytes());
        r.extend([bits.0, bits.1]);
        r.extend(at.to_le_bytes());
        r.extend([bit, direction, 1, 0, 0, 0]);
        assert_eq!(self.write(position, 0x0600 + 16 * n, &r), 1);
    }

    /// Requests an AL state (with the acknowledge bit if `ack`) and returns AL status and code.
    fn request(&mut self, position: u16, state: u16, ack: bool) -> (u16, u16) {
        self.write(position, 0x0120, &(state | u16::from(ack) << 4).to_le_bytes());
        self.al(position)
    }

    fn al(&mut self, position: u16) -> (u16, u16) {
        (self.read_u16(position, 0x0130), self.read_u16(position, 0x0134))
    }

    /// Lets `ns` pass for clock and devices.
    fn pass(&mut self, ns: u64) {
        self.now += ns;
        self.segment.step(TimeNs(self.now), ns, &mut self.plant);
    }
}

/// What a [`Probe`] was told.
#[derive(Debug, Default)]
struct Told {
    outputs: Vec<Vec<u8>>,
    off: u32,
    power_cycles: u32,
    inputs: Vec<u8>,
    object: Vec<u8>,
    emergencies: Vec<Emergency>,
}

/// An application that only writes down what it is told.
struct Probe {
    description: Description,
    told: Arc<Mutex<Told>>,
}

/// A probe with so many bytes of outputs and inputs.
fn probe(
    outputs: usize,
    inputs: usize,
    mailbox: Option<MailboxSizes>,
) -> (Box<dyn SubDeviceModel>, Arc<Mutex<Told>>) {
    let told = Arc::new(Mutex::new(Told { inputs: vec![0; inputs], ..Told::default() }));
    let pdo = |index, object, bytes: usize| -> Vec<Pdo> {
        let entries = (1..=bytes as u8).map(|sub| PdoEntry::new(object, sub, DataType::U8, "byte")).collect();
        if bytes == 0 { vec![] } else { vec![Pdo { index, name: "bytes", entries }] }
    };
    let description = Description {
        name: "PROBE".into(),
        identity: Identity { vendor: TWIN_VENDOR, product: 9, revision: 2, serial: 77 },
        device_type: 0x1389,
        hardware_version: "A0",
        software_version: "1.2.3",
        mailbox,
        rx_pdos: pdo(0x1600, 0x7000, outputs),
        tx_pdos: pdo(0x1A00, 0x6000, inputs),
    };
    (Box::new(Probe { description, told: told.clone() }), told)
}

impl SubDeviceModel for Probe {
    fn description(&self) -> &Description {
        &self.description
    }
    fn outputs(&mut self, data: &[u8]) {
        self.told.lock().unwrap().outputs.push(data.to_vec());
    }
    fn outputs_off(&mut self) {
        self.told.lock().unwrap().off += 1;
    }
    fn inputs(&self, data: &mut [u8]) {
        data.copy_from_slice(&self.told.lock().unwrap().inputs);
    }
    fn step(&mut self, _dt_ns: u64, _plant: &mut dyn PlantPort) {}
    fn power_cycle(&mut self) {
        self.told.lock().unwrap().power_cycles += 1;
    }
    fn object_read(&self, index: u16, sub: u8, data: &mut [u8]) -> Result<usize, SdoAbort> {
        let object = &self.told.lock().unwrap().object;
        match (index, sub) {
            (0x2000, 0) => {
                data.get_mut(..object.len()).ok_or(SdoAbort::EXCEEDS_MAILBOX)?.copy_from_slice(object);
                Ok(object.len())
            }
            (0x2000, _) => Err(SdoAbort::NO_SUBINDEX),
            _ => Err(SdoAbort::NO_OBJECT),
        }
    }
    fn object_write(&mut self, index: u16, _sub: u8, data: &[u8]) -> Result<(), SdoAbort> {
        match (index, data.len()) {
            (0x2000, 0..=100 | 113..=1_000) => self.told.lock().unwrap().object = data.to_vec(),
            (0x2000, _) => return Err(SdoAbort::LENGTH),
            _ => return Err(SdoAbort::NO_OBJECT),
        }
        Ok(())
    }
    fn objects(&self) -> &[ObjectInfo] {
        const ENTRY: &[EntryInfo] = &[EntryInfo::write(0, DataType::U8, "Object")];
        &[ObjectInfo { index: 0x2000, name: "Object", entries: ENTRY }]
    }
    fn emergency(&mut self) -> Option<Emergency> {
        self.told.lock().unwrap().emergencies.pop()
    }
}

/// A probe with mailbox in PRE-OP, its process data SyncManagers set up.
fn probe_in_pre_op(outputs: usize, inputs: usize) -> (Main, Arc<Mutex<Told>>) {
    let (model, told) = probe(outputs, inputs, Some(MailboxSizes { receive: 128, send: 128 }));
    let mut main = Main::new(vec![model]);
    main.sync_manager(0, 0, 0x1000, 128, 0x26);
    main.sync_manager(0, 1, 0x1400, 128, 0x22);
    main.sync_manager(0, 2, 0x1800, outputs as u16, 0x64);
    main.sync_manager(0, 3, 0x2400, inputs as u16, 0x20);
    assert_eq!(main.request(0, 2, false), (2, 0));
    (main, told)
}

/// The same in OP, with `outputs` bytes of zeros written.
fn probe_in_op(outputs: usize, inputs: usize) -> (Main, Arc<Mutex<Told>>) {
    let (mut main, told) = probe_in_pre_op(outputs, inputs);
    assert_eq!(main.request(0, 4, false), (4, 0));
    if outputs > 0 {
        assert_eq!(main.write(0, 0x1800, &vec![0; outputs]), 1);
    }
    assert_eq!(main.request(0, 8, false), (8, 0));
    (main, told)
}
