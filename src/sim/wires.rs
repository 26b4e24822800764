//! Cameras, scanners and printers of the twin at the end of wires that are connected until somebody pulls them.

use cellwright_camera::twin::CameraTwin;
use cellwright_controller::{DeviceId, Inputs, StreamEvent};
use cellwright_driver_api::message::MessageTwin;
use cellwright_model::{CameraId, PrinterId, ScannerId, TimeNs};
use cellwright_printer::twin::PrinterTwin;
use cellwright_scanner::twin::ScannerTwin;

use crate::twin::Scene;

/// See the module text.
pub(crate) struct Wires {
    cameras: Vec<CameraTwin>,
    scanners: Vec<ScannerTwin>,
    printers: Vec<PrinterTwin>,
    scene: Scene,
    connected: bool,
    pulled: Vec<DeviceId>,
    /// What happened to plugs since the last look.
    plugs: Vec<(DeviceId, StreamEvent)>,
    bytes: Vec<u8>,
}

impl Wires {
    pub(crate) fn new(
        cameras: Vec<CameraTwin>,
        scanners: Vec<ScannerTwin>,
        printers: Vec<PrinterTwin>,
        scene: Scene,
    ) -> Wires {
        Wires {
            cameras,
            scanners,
            printers,
            scene,
            connected: false,
            pulled: Vec::new(),
            plugs: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// The other side is gone; the next one finds the devices as after connecting.
    pub(crate) fn cut(&mut self) {
        self.connected = false;
    }

    /// Pulls the plug of a device, or puts it back.
    pub(crate) fn plug(&mut self, device: DeviceId, connected: bool) {
        let known = self.pulled.contains(&device);
        if connected && known {
            self.pulled.retain(|d| *d != device);
            match device {
                DeviceId::Camera(CameraId(i)) => {
                    if let Some(twin) = self.cameras.get_mut(usize::from(i)) {
                        twin.on_connect();
                    }
                }
                DeviceId::Scanner(ScannerId(i)) => {
                    if let Some(twin) = self.scanners.get_mut(usize::from(i)) {
                        twin.on_connect();
                    }
                }
                DeviceId::Printer(PrinterId(i)) => {
                    if let Some(twin) = self.printers.get_mut(usize::from(i)) {
                        twin.on_connect();
                    }
                }
            }
            self.plugs.push((device, StreamEvent::Connected));
        } else if !connected && !known {
            self.pulled.push(device);
            self.plugs.push((device, StreamEvent::Disconnected));
        }
    }

    /// Bytes for a device.
    pub(crate) fn send(&mut self, now: TimeNs, device: DeviceId, bytes: &[u8]) {
        if self.pulled.contains(&device) {
            return;
        }
        match device {
            DeviceId::Camera(CameraId(i)) => {
                if let Some(twin) = self.cameras.get_mut(usize::from(i)) {
                    self.scene.camera(&mut |scene| twin.receive(now, bytes, scene));
                }
            }
            DeviceId::Scanner(ScannerId(i)) => {
                if let Some(twin) = self.scanners.get_mut(usize::from(i)) {
                    self.scene.scanner(&mut |scene| twin.receive(now, bytes, scene));
                }
            }
            DeviceId::Printer(PrinterId(i)) => {
                if let Some(twin) = self.printers.get_mut(usize::from(i)) {
                    self.scene.printer(&mut |scene| twin.receive(now, bytes, scene));
                }
            }
        }
    }

    /// What the devices have to say at `now`.
    pub(crate) fn deliver(&mut self, now: TimeNs, inputs: &mut Inputs) {
        let first = !core::mem::replace(&mut self.connected, true);
        for (i, twin) in self.cameras.iter_mut().enumerate() {
            deliver(twin, DeviceId::Camera(CameraId(i as u16)), first, now, &mut self.bytes, inputs);
        }
        for (i, twin) in self.scanners.iter_mut().enumerate() {
            deliver(twin, DeviceId::Scanner(ScannerId(i as u16)), first, now, &mut self.bytes, inputs);
        }
        for (i, twin) in self.printers.iter_mut().enumerate() {
            deliver(twin, DeviceId::Printer(PrinterId(i as u16)), first, now, &mut self.bytes, inputs);
        }
        // What a pulled device says goes nowhere.
        inputs.streams.retain(|(id, _)| !self.pulled.contains(id));
        inputs.streams.append(&mut self.plugs);
    }
}

fn deliver<T: MessageTwin>(
    twin: &mut T,
    id: DeviceId,
    first: bool,
    now: TimeNs,
    bytes: &mut Vec<u8>,
    inputs: &mut Inputs,
) {
    if first {
        twin.on_connect();
        inputs.streams.push((id, StreamEvent::Connected));
    }
    twin.transmit(now, bytes);
    if !bytes.is_empty() {
        inputs.streams.push((id, StreamEvent::Bytes(core::mem::take(bytes))));
    }
}
