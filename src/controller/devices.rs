//! The message devices of a cell: cobots, cameras, scanners, printers. Drivers of byte streams are fed by the caller
//! ([`StreamEvent`]); their answers become inputs of the engine, in the order of their ids.

use std::collections::VecDeque;

use cellwright_driver_api::message::{
    CameraDriver, DeviceError, InspectRequest, Inspection, MessageDriver, PrintEnd, PrintRequest,
    PrinterDriver, RobotDriver, ScanRequest, ScannedCode, ScannerDriver,
};
use cellwright_engine::api::{DeviceReply, DeviceValue, Input};
use cellwright_model::label::UnitLabel;
use cellwright_model::robot::{RobotCommand, RobotReport, RobotRequest, RobotState};
use cellwright_model::{CameraId, PrinterId, RequestId, RobotId, ScannerId, TimeNs};

/// A device at the other end of a byte stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceId {
    Camera(CameraId),
    Scanner(ScannerId),
    Printer(PrinterId),
}

/// What happened on its connection.
#[derive(Debug, Clone)]
pub enum StreamEvent {
    Connected,
    Disconnected,
    Bytes(Vec<u8>),
}

/// Drivers by id.
pub struct Devices {
    robots: Vec<Box<dyn RobotDriver + Send>>,
    robot_states: Vec<RobotState>,
    /// Stops that were handed to each driver.
    robot_stops: Vec<u64>,
    cameras: Vec<Box<CameraDriver>>,
    scanners: Vec<Box<ScannerDriver>>,
    printers: Vec<Box<PrinterDriver>>,
    ready: VecDeque<Input>,
}

impl Devices {
    /// Drivers in the order of the cell's lists.
    pub fn new(
        robots: Vec<Box<dyn RobotDriver + Send>>,
        cameras: Vec<Box<CameraDriver>>,
        scanners: Vec<Box<ScannerDriver>>,
        printers: Vec<Box<PrinterDriver>>,
    ) -> Devices {
        let robot_states = robots.iter().map(|r| r.state()).collect();
        Devices {
            robot_stops: vec![0; robots.len()],
            robots,
            robot_states,
            cameras,
            scanners,
            printers,
            ready: VecDeque::new(),
        }
    }

    pub(crate) fn robot_states(&self) -> &[RobotState] {
        &self.robot_states
    }

    pub(crate) fn robot_stops(&self) -> &[u64] {
        &self.robot_stops
    }

    pub(crate) fn deadline(&self) -> Option<TimeNs> {
        let robots = self.robots.iter().filter_map(|r| r.deadline());
        let cameras = self.cameras.iter().filter_map(|c| c.deadline());
        let scanners = self.scanners.iter().filter_map(|s| s.deadline());
        let printers = self.printers.iter().filter_map(|p| p.deadline());
        robots.chain(cameras).chain(scanners).chain(printers).min()
    }

    pub(crate) fn receive(&mut self, now: TimeNs, device: DeviceId, event: StreamEvent) {
        match device {
            DeviceId::Camera(id) => {
                if let Some(camera) = self.cameras.get_mut(id.index()) {
                    stream_event(camera.as_mut(), now, event);
                }
            }
            DeviceId::Scanner(id) => {
                if let Some(scanner) = self.scanners.get_mut(id.index()) {
                    stream_event(scanner.as_mut(), now, event);
                }
            }
            DeviceId::Printer(id) => {
                if let Some(printer) = self.printers.get_mut(id.index()) {
                    stream_event(printer.as_mut(), now, event);
                }
            }
        }
    }

    /// The next answer of any device; states of cobots are kept on the way.
    pub(crate) fn poll(&mut self, now: TimeNs) -> Option<Input> {
        if self.ready.is_empty() {
            self.collect(now);
        }
        self.ready.pop_front()
    }

    fn collect(&mut self, now: TimeNs) {
        for (robot, state) in self.robots.iter_mut().zip(&mut self.robot_states) {
            while let Some(report) = robot.poll(now) {
                if let RobotReport::Reply { id, reply } = report {
                    self.ready.push_back(Input::Robot { id, reply });
                }
            }
            *state = robot.state();
        }
        for camera in &mut self.cameras {
            while let Some(answer) = camera.poll(now) {
                let reply = answer.result.map_or_else(failed, inspected);
                self.ready.push_back(Input::Device { id: answer.id, reply });
            }
        }
        for scanner in &mut self.scanners {
            while let Some(answer) = scanner.poll(now) {
                let reply = answer.result.map_or_else(failed, scanned);
                self.ready.push_back(Input::Device { id: answer.id, reply });
            }
        }
        for printer in &mut self.printers {
            while let Some(answer) = printer.poll(now) {
                let reply = answer.result.map_or_else(failed, printed);
                self.ready.push_back(Input::Device { id: answer.id, reply });
            }
        }
    }

    pub(crate) fn transmit(&mut self, out: &mut Vec<(DeviceId, Vec<u8>)>) {
        for (i, camera) in self.cameras.iter_mut().enumerate() {
            transmit(camera.as_mut(), DeviceId::Camera(CameraId(i as u16)), out);
        }
        for (i, scanner) in self.scanners.iter_mut().enumerate() {
            transmit(scanner.as_mut(), DeviceId::Scanner(ScannerId(i as u16)), out);
        }
        for (i, printer) in self.printers.iter_mut().enumerate() {
            transmit(printer.as_mut(), DeviceId::Printer(PrinterId(i as u16)), out);
        }
    }

    pub(crate) fn robot(&mut self, now: TimeNs, robot: RobotId, request: RobotRequest) {
        if let Some(driver) = self.robots.get_mut(robot.index()) {
            if request.command == RobotCommand::Stop {
                self.robot_stops[robot.index()] += 1;
            }
            driver.command(now, request);
            if let Some(state) = self.robot_states.get_mut(robot.index()) {
                // Until it reports again, it may be moving: "at rest" is believed only afterwards. Up to now it has rested
                // where it reported that.
                if !state.moving && !state.lost && state.is_known(now) {
                    state.stamp = now;
                }
                state.moving = true;
            }
        }
    }

    /// Asks a camera; what could not be begun is answered at once.
    pub(crate) fn inspect(
        &mut self,
        now: TimeNs,
        camera: CameraId,
        id: RequestId,
        job: String,
        version: u32,
    ) -> Option<Input> {
        let request = InspectRequest { job, version };
        begin(self.cameras.get_mut(camera.index()).map(Box::as_mut), now, id, &request)
    }

    /// Asks a scanner; what could not be begun is answered at once.
    pub(crate) fn scan(&mut self, now: TimeNs, scanner: ScannerId, id: RequestId) -> Option<Input> {
        begin(self.scanners.get_mut(scanner.index()).map(Box::as_mut), now, id, &ScanRequest)
    }

    /// Asks a printer for a label; what could not be begun is answered at once, and nothing was printed.
    pub(crate) fn print(
        &mut self,
        now: TimeNs,
        printer: PrinterId,
        id: RequestId,
        label: &UnitLabel,
    ) -> Option<Input> {
        let lines = [label.text(), if label.is_udi() { "UDI" } else { "NO UDI" }].map(String::from).into();
        let request = PrintRequest { element_string: label.element_string(), lines };
        match begin(self.printers.get_mut(printer.index()).map(Box::as_mut), now, id, &request) {
            Some(Input::Device { id, reply: DeviceReply::Failed { cause } }) => {
                Some(Input::Device { id, reply: DeviceReply::NotPrinted { cause } })
            }
            other => other,
        }
    }
}

fn begin<D: MessageDriver + ?Sized>(
    driver: Option<&mut D>,
    now: TimeNs,
    id: RequestId,
    request: &D::Request,
) -> Option<Input> {
    let begun = driver.map_or(Err(DeviceError::Disconnected), |d| d.request(now, id, request));
    begun.err().map(|e| Input::Device { id, reply: failed(e) })
}

fn stream_event<D: MessageDriver + ?Sized>(driver: &mut D, now: TimeNs, event: StreamEvent) {
    match event {
        StreamEvent::Connected => driver.on_connect(now),
        StreamEvent::Disconnected => driver.on_disconnect(now),
        StreamEvent::Bytes(bytes) => driver.receive(now, &bytes),
    }
}

fn transmit<D: MessageDriver + ?Sized>(driver: &mut D, id: DeviceId, out: &mut Vec<(DeviceId, Vec<u8>)>) {
    let mut bytes = Vec::new();
    driver.transmit(&mut bytes);
    if !bytes.is_empty() {
        out.push((id, bytes));
    }
}

fn inspected(inspection: Inspection) -> DeviceReply {
    let value = |v: cellwright_driver_api::message::InspectedValue| DeviceValue {
        name: v.name,
        value: v.value,
        unit: v.dimension.unit().to_owned(),
    };
    DeviceReply::Inspected(inspection.values.into_iter().map(value).collect())
}

fn scanned(code: ScannedCode) -> DeviceReply {
    DeviceReply::Scanned {
        text: code.element_string,
        gtin: code.gtin,
        lot: code.lot,
        expiry: code.expiry,
        serial: code.serial,
    }
}

fn printed(end: PrintEnd) -> DeviceReply {
    match end {
        PrintEnd::Printed => DeviceReply::Printed,
        PrintEnd::NotPrinted(why) => {
            DeviceReply::NotPrinted { cause: format!("printer not ready: {}", why.as_str()) }
        }
        PrintEnd::Broken(why) => DeviceReply::Failed { cause: format!("printer stopped: {}", why.as_str()) },
    }
}

/// "No code" is the part's fault; everything else is the machine's.
fn failed(error: DeviceError) -> DeviceReply {
    match error {
        DeviceError::Refused { code, .. } if code == "no-read" => DeviceReply::NoRead,
        DeviceError::BadCode(_) => DeviceReply::BadCode { cause: error.to_string() },
        other => DeviceReply::Failed { cause: other.to_string() },
    }
}
