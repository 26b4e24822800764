//! The message devices of a cell, and the hands of whoever stands at its twin: in this process, or at the twin's
//! own.

use std::net::{IpAddr, Ipv4Addr};

use cellwright_bus::ask::Asker;
use cellwright_controller::{DeviceId, TrayUse};
use cellwright_model::cell::Cell;
use cellwright_model::plan::Plan;
use cellwright_model::plant::Material;
use cellwright_model::timing::Receive;
use cellwright_model::{CameraId, PrinterId, ScannerId, TrayId};
use cellwright_rt::clock::MonotonicClock;
use cellwright_sim::twin::{self, Scene, TwinDevices};
use cellwright_station::{FarHands, FarLine, FarTwin, Hello, serve_twin};
use cellwright_twin::plant::Injection;
use cellwright_twin::ports::Hand;
use cellwright_twin::segment::MARK_REGISTER;

use super::Failure;
use super::out::errln;
use super::session::{self, now};

/// Where the twin is.
pub(crate) enum Bench {
    Here(Box<TwinDevices>),
    Far(FarBench),
}

/// A twin at the other end of a wire.
pub(crate) struct FarBench {
    addresses: Vec<(DeviceId, String)>,
    materials: Vec<Material>,
    hands: FarHands,
    line: FarLine,
}

/// Reaches into the machine.
pub(crate) enum Reach {
    Here(Hand),
    Far(FarHands),
}

/// Makes sure that the segment on an interface is that of the twin at `address`: an automatic operator starts what
/// is there, and its record says that it is a twin.
pub(crate) fn is_its_segment(interface: &str, address: &str, mark: u64) -> Result<(), Failure> {
    let mut asker = Asker::new(session::open_socket(interface, Receive::Blocking)?, MonotonicClock);
    let mut shown = [0; 8];
    let read = asker.read(0, MARK_REGISTER, &mut shown);
    let why = match read {
        Ok(true) if u64::from_le_bytes(shown) == mark => return Ok(()),
        Ok(_) => format!("the segment on {interface} is not that of the twin at {address}"),
        Err(error) => format!("{interface}: {error}"),
    };
    Err(Failure::Failed(format!(
        "{why}; remedy: give `cellwright twin` the other end of this interface with --iface, or leave --twin out to \
         drive a real segment"
    )))
}

impl FarBench {
    /// Of a twin that greeted at `address` (`host:port`).
    pub(crate) fn new(far: FarTwin, address: &str) -> FarBench {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let at = |port: &u16| format!("{host}:{port}");
        let all = |ports: &[u16]| ports.iter().map(at).collect();
        let Hello { camera_ports, scanner_ports, printer_ports, .. } = &far.hello;
        let addresses = by_id(all(camera_ports), all(scanner_ports), all(printer_ports));
        FarBench { addresses, materials: far.hello.materials, hands: far.hands, line: far.line }
    }
}

impl Bench {
    /// Brings the parts that the recipe asks for, where others lie.
    pub(crate) fn bring(&mut self, plan: &Plan) {
        let acts = twin::bring(self.materials(), plan);
        for act in acts {
            match self {
                Bench::Here(devices) => by_hand(&mut devices.hand, act),
                Bench::Far(far) => by_far_hand(&far.hands, act),
            }
        }
    }

    /// Tells a twin elsewhere how far each source was used in earlier runs, so that no part comes twice; one in this
    /// process was made with that.
    pub(crate) fn go_on_after(&self, trays: &[TrayUse]) {
        let Bench::Far(far) = self else { return };
        for (i, used) in trays.iter().enumerate().filter(|(_, used)| used.picks > 0) {
            let parts = u32::try_from(used.picks).unwrap_or(u32::MAX);
            by_far_hand(&far.hands, Injection::GivenBefore { tray: TrayId(i as u16), parts });
        }
    }

    /// What there is for its trays and lanes.
    pub(crate) fn materials(&mut self) -> &mut Vec<Material> {
        match self {
            Bench::Here(devices) => &mut devices.materials,
            Bench::Far(far) => &mut far.materials,
        }
    }

    /// Begins to serve, or to move lines to where it is served: addresses of cameras, scanners and printers, and the hand.
    pub(crate) async fn begin(self) -> std::io::Result<(Vec<(DeviceId, String)>, Reach)> {
        match self {
            Bench::Here(devices) => {
                let TwinDevices { cameras, scanners, printers, scene, hand, .. } = *devices;
                let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let ports = serve(loopback, (cameras, scanners, printers), &scene).await?;
                let text = |ports: Vec<u16>| ports.iter().map(|p| format!("{loopback}:{p}")).collect();
                let addresses = by_id(text(ports.cameras), text(ports.scanners), text(ports.printers));
                Ok((addresses, Reach::Here(hand)))
            }
            Bench::Far(far) => {
                tokio::spawn(far.line.run());
                Ok((far.addresses, Reach::Far(far.hands)))
            }
        }
    }
}

impl Reach {
    pub(crate) fn act(&mut self, act: Injection) {
        match self {
            Reach::Here(hand) => by_hand(hand, act),
            Reach::Far(hands) => by_far_hand(hands, act),
        }
    }
}

/// Reaches into the twin; says so when it has not taken the acts before.
fn by_hand(hand: &mut Hand, act: Injection) {
    if let Err(act) = hand.act(act) {
        not_done(act);
    }
}

fn by_far_hand(hands: &FarHands, act: Injection) {
    // An act always has a JSON form.
    if !serde_json::to_value(act).is_ok_and(|act| hands.act(act)) {
        not_done(act);
    }
}

fn not_done(act: Injection) {
    errln!("warning: the twin is busy, {act:?} was not done: do it again");
}

/// Where the message devices of the twin are served, each family in the order of the cell.
#[derive(Default)]
pub(crate) struct Ports {
    pub(crate) cameras: Vec<u16>,
    pub(crate) scanners: Vec<u16>,
    pub(crate) printers: Vec<u16>,
}

/// Serves cameras, scanners and printers of the twin at `host`: their ports.
pub(crate) async fn serve(
    host: IpAddr,
    (cameras, scanners, printers): (Vec<twin::Camera>, Vec<twin::Scanner>, Vec<twin::Printer>),
    scene: &Scene,
) -> std::io::Result<Ports> {
    let mut ports = Ports::default();
    for camera in cameras {
        let scene = scene.clone();
        let address = serve_twin(host, camera, move |see: &mut dyn FnMut(&_)| scene.camera(see), now).await?;
        ports.cameras.push(address.port());
    }
    for scanner in scanners {
        let scene = scene.clone();
        let address =
            serve_twin(host, scanner, move |see: &mut dyn FnMut(&_)| scene.scanner(see), now).await?;
        ports.scanners.push(address.port());
    }
    for printer in printers {
        let scene = scene.clone();
        let address =
            serve_twin(host, printer, move |see: &mut dyn FnMut(&_)| scene.printer(see), now).await?;
        ports.printers.push(address.port());
    }
    Ok(ports)
}

/// Cameras, scanners and printers as the cell file has them.
pub(crate) fn addresses(cell: &Cell) -> Vec<(DeviceId, String)> {
    let cameras = cell.cameras.iter().map(|c| c.address.clone()).collect();
    let scanners = cell.scanners.iter().map(|s| s.address.clone()).collect();
    let printers = cell.printers.iter().map(|p| p.address.clone()).collect();
    by_id(cameras, scanners, printers)
}

fn by_id(cameras: Vec<String>, scanners: Vec<String>, printers: Vec<String>) -> Vec<(DeviceId, String)> {
    let camera = |(i, at)| (DeviceId::Camera(CameraId(i as u16)), at);
    let scanner = |(i, at)| (DeviceId::Scanner(ScannerId(i as u16)), at);
    let printer = |(i, at)| (DeviceId::Printer(PrinterId(i as u16)), at);
    let cameras = cameras.into_iter().enumerate().map(camera);
    let scanners = scanners.into_iter().enumerate().map(scanner);
    cameras.chain(scanners).chain(printers.into_iter().enumerate().map(printer)).collect()
}
