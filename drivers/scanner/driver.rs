//! The driver: asks for one reading, and takes a code only if its element string is right.

use cellwright_driver_api::message::{
    Answer, DeviceError, LineExchange, MessageCounters, MessageDriver, ScanRequest, ScannedCode,
};
use cellwright_model::cell::Scanner;
use cellwright_model::{RequestId, TimeNs, gs1};

/// Driver of one scanner of the cell.
pub struct LineScanner {
    year: u16,
    exchange: LineExchange<ScannedCode>,
}

impl LineScanner {
    /// Not connected yet. `year`: the current one, for the century of expiry dates.
    pub fn new(scanner: &Scanner, year: u16) -> LineScanner {
        LineScanner { year, exchange: LineExchange::new(scanner.answer_timeout) }
    }
}

impl MessageDriver for LineScanner {
    type Request = ScanRequest;
    type Reply = ScannedCode;

    fn request(&mut self, now: TimeNs, id: RequestId, _request: &ScanRequest) -> Result<(), DeviceError> {
        self.exchange.begin(now, id, &format!("READ {}", id.0))
    }

    fn poll(&mut self, now: TimeNs) -> Option<Answer<ScannedCode>> {
        self.exchange.poll(now)
    }

    fn on_connect(&mut self, _now: TimeNs) {
        self.exchange.on_connect();
    }

    fn on_disconnect(&mut self, _now: TimeNs) {
        self.exchange.on_disconnect();
    }

    fn receive(&mut self, now: TimeNs, bytes: &[u8]) {
        let year = self.year;
        self.exchange.receive(now, bytes, |line| answer(line, year));
    }

    fn transmit(&mut self, out: &mut Vec<u8>) {
        self.exchange.transmit(out);
    }

    fn deadline(&self) -> Option<TimeNs> {
        self.exchange.deadline()
    }

    fn counters(&self) -> MessageCounters {
        self.exchange.counters()
    }
}

type Read = Result<(RequestId, Result<ScannedCode, DeviceError>), String>;

fn answer(line: &str, year: u16) -> Read {
    let (word, rest) = line.split_once(' ').ok_or("a line without fields")?;
    let (id, rest) = rest.split_once(' ').ok_or("no request id")?;
    let id = RequestId(id.parse().map_err(|_| format!("`{id}` is no request id"))?);
    let result = match word {
        "CODE" => code(rest, year),
        "ERR" => {
            let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            Err(DeviceError::Refused { code: code.into(), reason: reason.into() })
        }
        _ => return Err(format!("`{word}` is no answer")),
    };
    Ok((id, result))
}

fn code(text: &str, year: u16) -> Result<ScannedCode, DeviceError> {
    let e = gs1::parse(text, year).map_err(|e| DeviceError::BadCode(e.to_string()))?;
    Ok(ScannedCode {
        element_string: text.into(),
        gtin: e.gtin,
        lot: e.lot,
        expiry: e.expiry,
        serial: e.serial,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_taken_with_everything_it_says() {
        let line = "CODE 7 \u{1d}01040123456789011729053110H24-1187\u{1d}21HB000017";
        let (id, code) = answer(line, 2026).unwrap();
        let code = code.unwrap();
        assert_eq!(id, RequestId(7));
        assert_eq!(code.serial.as_deref(), Some("HB000017"));
        assert_eq!(code.expiry.as_deref(), Some("2029-05-31"));
        assert!(line.ends_with(&code.element_string));
    }

    #[test]
    fn a_wrong_code_is_no_identity() {
        let (_, code) = answer("CODE 7 0104012345678902", 2026).unwrap();
        assert!(matches!(code, Err(DeviceError::BadCode(_))));
        let (_, none) = answer("ERR 7 no-read no code in view", 2026).unwrap();
        assert!(matches!(none, Err(DeviceError::Refused { code, .. }) if code == "no-read"));
    }
}
