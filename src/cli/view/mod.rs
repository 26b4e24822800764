//! The live view of `run` in a terminal: what the cell is doing, and keys for its commands.
//!
//! It has a thread of its own, looks at the newest snapshot, and is told the rest through a bounded queue
//! that nobody waits for: a terminal that takes no bytes stops the picture and nothing else.

mod draw;
mod keys;
mod panes;
mod scene;
pub(crate) mod screen;
#[cfg(test)]
pub(crate) mod tests;

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use cellwright_controller::{Input, Source};
use cellwright_model::RequestId;
use cellwright_model::cell::Cell;
use cellwright_rt::Statistics;
use cellwright_station::{Asked, Desk};
use ratatui::crossterm::event::{self, Event};
use rustix::process::Signal;
use tokio::sync::mpsc::Sender;

use keys::{Action, Keys};
pub(crate) use scene::Press;
use scene::Scene;
pub(crate) use scene::thinned;
use screen::{Caught, Screen, key_within};

/// Between two pictures, and the longest that a key waits: 20 a second.
const PICTURE: Duration = Duration::from_millis(50);
/// How often the wake-up latency is read: its quantiles look at every bucket.
const WAKE_EVERY: Duration = Duration::from_millis(500);
/// How often it is looked whether the terminal is gone.
const GONE_EVERY: Duration = Duration::from_millis(100);
/// News that wait for the next picture. Full: dropped; the record has them.
const NEWS_MAX: usize = 256;
/// The end waits so long for the last picture; a terminal that blocks is left as it is then.
const END_MAX: Duration = Duration::from_secs(1);

/// What the view is told.
pub(crate) enum News {
    /// What a plain run would print.
    Line(String),
    Press(Press),
    /// A unit ended, at this time of the cycle's clock in ns.
    UnitEnded(u64),
}

/// What the view is of.
pub(crate) struct Of {
    pub(crate) cell: Arc<Cell>,
    pub(crate) desk: Desk,
    pub(crate) statistics: Option<Arc<Statistics>>,
    /// Recorded with what the keys ask for.
    pub(crate) who: String,
    /// An automatic operator works besides.
    pub(crate) automatic: bool,
}

/// A view that is up. Dropped or finished, the terminal is the shell's again.
pub(crate) struct View {
    news: SyncSender<News>,
    end: Arc<AtomicBool>,
    ended: Receiver<()>,
    caught: Option<Caught>,
}

/// Both ends of this process are a terminal that can show it.
pub(crate) fn possible() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|t| t.is_empty() || t == "dumb");
    std::io::stdout().is_terminal() && std::io::stdin().is_terminal() && !dumb
}

impl View {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It does not take the modes; no thread.
    pub(crate) fn start(of: Of) -> std::io::Result<View> {
        let (news, told) = sync_channel(NEWS_MAX);
        let (ending, ended) = sync_channel(0);
        let end = Arc::new(AtomicBool::new(false));
        let screen = Screen::enter()?;
        let caught = Caught::start(news.clone())?;
        let signals = Signals::listen(end.clone(), of.desk.ask.clone())?;
        let wanted = end.clone();
        std::thread::Builder::new().name("view".into()).spawn(move || {
            // Dropped with the thread, which is what the end waits for.
            let _ending: SyncSender<()> = ending;
            let scene = Scene::new(of.cell.clone(), of.who.clone(), of.automatic);
            Hand { of, scene, screen, told, end: wanted, signals, keys: Keys::default() }.work();
        })?;
        Ok(View { news, end, ended, caught: Some(caught) })
    }

    /// Tells it something; never blocks.
    pub(crate) fn tell(&self, news: News) {
        // Full: see `NEWS_MAX`.
        let _ = self.news.try_send(news);
    }

    /// Gives the terminal back. What standard error said meanwhile.
    pub(crate) fn finish(mut self) -> Vec<String> {
        self.end();
        self.caught.take().map(Caught::end).unwrap_or_default()
    }

    fn end(&self) {
        self.end.store(true, Ordering::Release);
        if self.ended.recv_timeout(END_MAX) == Err(RecvTimeoutError::Timeout) {
            screen::modes_back();
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.end();
    }
}

/// Signals that concern the terminal; the others are the session's.
struct Signals {
    /// Asked to stop (SIGTSTP), and going on after a stop.
    stop: Arc<AtomicBool>,
    go_on: Arc<AtomicBool>,
    /// The terminal is gone, or somebody wants the program gone: see [`watch`].
    gone: Arc<AtomicBool>,
}

impl Signals {
    fn listen(end: Arc<AtomicBool>, ask: Sender<Asked>) -> std::io::Result<Signals> {
        let flag = |signals: &[i32]| {
            let flag = Arc::new(AtomicBool::new(false));
            for signal in signals {
                signal_hook::flag::register(*signal, flag.clone())?;
            }
            Ok::<_, std::io::Error>(flag)
        };
        use signal_hook::consts::{SIGCONT, SIGHUP, SIGQUIT, SIGTSTP};
        let gone = flag(&[SIGHUP, SIGQUIT])?;
        watch(gone.clone(), end, ask)?;
        Ok(Signals { stop: flag(&[SIGTSTP])?, go_on: flag(&[SIGCONT])?, gone })
    }
}

/// Asks for the end as by Ctrl-C when the terminal is gone (SIGHUP), or somebody wants the program gone: in a
/// thread of its own, whatever the view is doing with that terminal just then.
fn watch(gone: Arc<AtomicBool>, end: Arc<AtomicBool>, ask: Sender<Asked>) -> std::io::Result<()> {
    std::thread::Builder::new().name("hangup".into()).spawn(move || {
        while !end.load(Ordering::Acquire) {
            // Not taken: once more. Taken: never again, since asking twice means Abort.
            if gone.load(Ordering::Acquire) && ask.try_send(Asked::Interrupt).is_ok() {
                return;
            }
            std::thread::sleep(GONE_EVERY);
        }
    })?;
    Ok(())
}

/// What draws and reads keys.
struct Hand {
    of: Of,
    scene: Scene,
    screen: Screen,
    told: Receiver<News>,
    end: Arc<AtomicBool>,
    signals: Signals,
    keys: Keys,
}

impl Hand {
    /// Until it is told to end, or the terminal is gone: then the screen is given back.
    fn work(mut self) {
        let mut wake_read: Option<Instant> = None;
        loop {
            let began = Instant::now();
            if !self.hear() || self.end.load(Ordering::Acquire) {
                return;
            }
            if wake_read.is_none_or(|at| began.duration_since(at) >= WAKE_EVERY) {
                wake_read = Some(began);
                self.scene.wake = self.of.statistics.as_ref().map(|s| s.wake.quantiles()).unwrap_or_default();
            }
            if self.of.desk.snapshots.has_changed().unwrap_or(false) {
                let newest = self.of.desk.snapshots.borrow_and_update().clone();
                newest.into_iter().for_each(|s| self.scene.see(s));
            }
            let scene = &self.scene;
            let drawn = self.screen.terminal.draw(|frame| draw::draw(frame, scene)).map(drop);
            self.keys.shown(scene, Instant::now());
            if drawn.and_then(|()| self.signals()).and_then(|()| self.keys_until(began + PICTURE)).is_err() {
                // The terminal is gone; the cell is brought to rest as by Ctrl-C.
                self.signals.gone.store(true, Ordering::Release);
                return;
            }
        }
    }

    /// `false`: nobody tells anything any more.
    fn hear(&mut self) -> bool {
        loop {
            match self.told.try_recv() {
                Ok(News::Line(text)) => self.scene.line(&text),
                Ok(News::Press(press)) => self.scene.press = Some(press),
                Ok(News::UnitEnded(at_ns)) => self.scene.takt.ended(at_ns),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn signals(&mut self) -> std::io::Result<()> {
        if self.signals.stop.swap(false, Ordering::AcqRel) {
            self.screen.leave();
            // The handler took SIGTSTP's place; this one nobody takes.
            rustix::process::kill_process(rustix::process::getpid(), Signal::STOP)?;
            self.signals.go_on.store(true, Ordering::Release);
        }
        if self.signals.go_on.swap(false, Ordering::AcqRel) {
            self.screen.again()?;
        }
        Ok(())
    }

    /// Takes keys until the next picture is due; at least a look.
    fn keys_until(&mut self, due: Instant) -> std::io::Result<()> {
        let mut wait = due.saturating_duration_since(Instant::now());
        while key_within(wait)? {
            match event::read()? {
                Event::Key(key) => match self.keys.press(&mut self.scene, key, Instant::now()) {
                    Some(Action::Redraw) => self.screen.terminal.clear()?,
                    Some(action) => self.act(action),
                    None => {}
                },
                // It may have been another size in between, and have cut off what stood there.
                Event::Resize(..) => self.screen.terminal.clear()?,
                _ => {}
            }
            wait = due.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                break;
            }
        }
        Ok(())
    }

    fn act(&mut self, action: Action) {
        let by = Source::new(self.of.who.clone(), "terminal");
        let input = match action {
            Action::Interrupt => return self.ask(Asked::Interrupt),
            Action::Redraw => return,
            Action::Command(command) => Input::Command { command, by },
            Action::Mode(mode) => Input::Mode { mode, by },
            Action::AcknowledgeAll => Input::AcknowledgeAll { by },
            Action::Answer { question, answer } => {
                Input::Answer { id: RequestId(question), answer, reason: None, by }
            }
        };
        self.ask(Asked::Input(input));
    }

    fn ask(&mut self, asked: Asked) {
        if self.of.desk.ask.try_send(asked).is_err() {
            self.scene.note = Some("the station does not take it now: once more".to_owned());
        }
    }
}
