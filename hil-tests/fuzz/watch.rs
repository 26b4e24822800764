//! A thread that sees that an input takes too long, whatever the target does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Input;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);

type Running = Arc<Mutex<Option<(Instant, u64, Input)>>>;

/// Watches one target until it is dropped.
pub struct Watch {
    running: Running,
}

impl Watch {
    /// `on_hang` is called, once, with what there is to say of an input that takes longer than `most`.
    pub fn new(target: &'static str, most: Duration, on_hang: impl FnOnce(&str) + Send + 'static) -> Watch {
        let running = Running::default();
        let seen = Arc::downgrade(&running);
        std::thread::spawn(move || {
            while let Some(running) = seen.upgrade() {
                let late = {
                    let running = running.lock().unwrap_or_else(PoisonError::into_inner);
                    let late = running.as_ref().filter(|(since, ..)| since.elapsed() > most);
                    late.map(|(_, seed, input)| (*seed, input.clone()))
                };
                if let Some((seed, input)) = late {
                    on_hang(&told(target, &format!("is at it for more than {most:?}"), seed, &input));
                    return;
                }
                drop(running);
                std::thread::sleep(LOOK);
            }
        });
        Watch { running }
    }

    pub(super) fn begin(&self, seed: u64, input: &Input) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), seed, input.clone()));
    }

    pub(super) fn end(&self) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What is said of an input that is a finding.
pub(super) fn told(target: &str, what: &str, seed: u64, input: &Input) -> String {
    format!(
        "{target} {what}\nseed {seed}; the input, for a file that CELLWRIGHT_FUZZ_INPUT names:\n{}\n",
        input.text()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_takes_too_long_is_told_with_its_seed() {
        let (say, said) = std::sync::mpsc::channel();
        let watch = Watch::new("sleeper", Duration::from_millis(50), move |text| {
            let _ = say.send(text.to_owned());
        });
        watch.begin(1, &Input { records: vec![vec![1]] });
        watch.end();
        assert!(said.recv_timeout(Duration::from_millis(200)).is_err(), "one that ends is not told");
        watch.begin(7, &Input { records: vec![vec![0xab, 0xcd]] });
        let text = said.recv_timeout(Duration::from_secs(10)).expect("it is told");
        assert!(text.contains("sleeper") && text.contains("seed 7") && text.contains("abcd"), "{text}");
    }
}
