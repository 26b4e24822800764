//! The driver: requests out, answers in and checked against what the cell file declares of the job.

use cellwright_driver_api::message::{
    Answer, DeviceError, InspectRequest, InspectedValue, Inspection, LineExchange, MessageCounters,
    MessageDriver,
};
use cellwright_model::cell::{Camera, CameraJob};
use cellwright_model::{Quantity, RequestId, TimeNs};

/// Driver of one camera of the cell.
pub struct LineCamera {
    jobs: Vec<CameraJob>,
    asked: Option<InspectRequest>,
    exchange: LineExchange<Inspection>,
}

impl LineCamera {
    /// Not connected yet.
    pub fn new(camera: &Camera) -> LineCamera {
        LineCamera {
            jobs: camera.jobs.clone(),
            asked: None,
            exchange: LineExchange::new(camera.answer_timeout),
        }
    }

    fn job(&self, request: &InspectRequest) -> Option<&CameraJob> {
        self.jobs.iter().find(|j| j.name == request.job && j.version == request.version)
    }
}

impl MessageDriver for LineCamera {
    type Request = InspectRequest;
    type Reply = Inspection;

    fn request(&mut self, now: TimeNs, id: RequestId, request: &InspectRequest) -> Result<(), DeviceError> {
        if self.job(request).is_none() {
            let what = format!("no job `{}@{}` is declared", request.job, request.version);
            return Err(DeviceError::BadRequest(what));
        }
        let line = format!("TRIGGER {} {}@{}", id.0, request.job, request.version);
        self.exchange.begin(now, id, &line)?;
        self.asked = Some(request.clone());
        Ok(())
    }

    fn poll(&mut self, now: TimeNs) -> Option<Answer<Inspection>> {
        self.exchange.poll(now)
    }

    fn on_connect(&mut self, _now: TimeNs) {
        self.exchange.on_connect();
    }

    fn on_disconnect(&mut self, _now: TimeNs) {
        self.exchange.on_disconnect();
    }

    fn receive(&mut self, now: TimeNs, bytes: &[u8]) {
        let asked = self.asked.clone();
        let job = asked.as_ref().and_then(|r| self.job(r)).cloned();
        self.exchange.receive(now, bytes, |line| answer(line, job.as_ref()));
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

type Read = Result<(RequestId, Result<Inspection, DeviceError>), String>;

fn answer(line: &str, job: Option<&CameraJob>) -> Read {
    let (word, rest) = line.split_once(' ').ok_or("a line without fields")?;
    let (id, rest) = rest.split_once(' ').ok_or("no request id")?;
    let id = RequestId(id.parse().map_err(|_| format!("`{id}` is no request id"))?);
    let result = match word {
        "OK" => inspection(rest, job),
        "ERR" => {
            let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            Err(DeviceError::Refused { code: code.into(), reason: reason.into() })
        }
        _ => return Err(format!("`{word}` is no answer")),
    };
    Ok((id, result))
}

/// Every declared measure once, in the order of the cell file, whatever the order on the wire.
fn inspection(text: &str, job: Option<&CameraJob>) -> Result<Inspection, DeviceError> {
    let garbage = |what: String| DeviceError::Garbage(what);
    let job = job.ok_or_else(|| garbage("a result that nobody asked for".into()))?;
    let mut fields = text.split(' ').filter(|f| !f.is_empty());
    let named = fields.next().unwrap_or("");
    if named != format!("{}@{}", job.name, job.version) {
        return Err(garbage(format!("a result of job `{named}`")));
    }
    let mut found: Vec<Option<InspectedValue>> = vec![None; job.measures.len()];
    for field in fields {
        let (name, value) =
            field.split_once('=').ok_or_else(|| garbage(format!("`{field}` is no measure")))?;
        let place = job.measures.iter().position(|m| m.name == name);
        let place = place.ok_or_else(|| garbage(format!("`{name}` is no measure of the job")))?;
        let value = Quantity::parse(value).map_err(|e| garbage(format!("{name}: {e}")))?;
        if value.dimension != job.measures[place].dimension {
            return Err(garbage(format!("{name} is a {}", value.dimension.name())));
        }
        let read = InspectedValue { name: name.into(), value: value.value, dimension: value.dimension };
        if found[place].replace(read).is_some() {
            return Err(garbage(format!("{name} twice")));
        }
    }
    let missing = job.measures.iter().zip(&found).find(|(_, f)| f.is_none());
    if let Some((measure, _)) = missing {
        return Err(garbage(format!("{} is missing", measure.name)));
    }
    Ok(Inspection { values: found.into_iter().flatten().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cellwright_model::Dimension;
    use cellwright_model::cell::CameraMeasure;

    fn job() -> CameraJob {
        let measure =
            |name: &str, dimension| CameraMeasure { name: name.into(), dimension, resolution: 1e-4 };
        CameraJob {
            name: "cannula-tip".into(),
            version: 4,
            measures: vec![measure("burr", Dimension::Length), measure("bevel", Dimension::Angle)],
        }
    }

    #[test]
    fn values_come_in_the_order_of_the_cell_file_and_in_canonical_units() {
        let (id, result) = answer("OK 7 cannula-tip@4 bevel=17.5deg burr=8.3um", Some(&job())).unwrap();
        let values = result.unwrap().values;
        assert_eq!(id, RequestId(7));
        assert_eq!((values[0].name.as_str(), values[0].value), ("burr", 0.0083));
        assert_eq!((values[1].name.as_str(), values[1].value), ("bevel", 17.5));
    }

    #[test]
    fn an_error_of_the_camera_keeps_its_code_and_words() {
        let (_, result) = answer("ERR 7 no-part nothing in view", Some(&job())).unwrap();
        assert_eq!(
            result,
            Err(DeviceError::Refused { code: "no-part".into(), reason: "nothing in view".into() })
        );
    }

    #[test]
    fn a_result_that_is_not_exactly_what_was_asked_is_garbage() {
        for text in [
            "OK 7 cannula-tip@5 burr=8um bevel=1deg",
            "OK 7 cannula-tip@4 burr=8um",
            "OK 7 cannula-tip@4 burr=8um bevel=1deg flash=1um",
            "OK 7 cannula-tip@4 burr=8um burr=9um bevel=1deg",
            "OK 7 cannula-tip@4 burr=8 bevel=1deg",
            "OK 7 cannula-tip@4 burr=8N bevel=1deg",
            "OK 7 cannula-tip@4 burr=NaNum bevel=1deg",
            "OK 7 cannula-tip@4 burr bevel=1deg",
        ] {
            let (_, result) = answer(text, Some(&job())).unwrap();
            assert!(matches!(result, Err(DeviceError::Garbage(_))), "{text}: {result:?}");
        }
        for text in ["", "OK", "OK 7", "OK x cannula-tip@4", "MAYBE 7 x"] {
            assert!(answer(text, Some(&job())).is_err(), "{text}");
        }
    }
}
