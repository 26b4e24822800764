//! The terminal in the view's hands, and back in the shell's on every end.
//!
//! Writing to a terminal can block for ever (a connection that stalls), so only the view's own thread writes;
//! whoever ends the view gives the modes back by itself, which needs no byte to be taken.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter};
use std::os::fd::OwnedFd;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::News;

/// A whole picture in one write: the largest screens with their colours.
const PICTURE_BYTES: usize = 1 << 16;
/// The shortest wait for a key: within no time at all crossterm does not look.
const LOOK: Duration = Duration::from_millis(1);
/// Lines of standard error that are shown once more after the view: what a person has to see last.
const SAID_MAX: usize = 60;

/// The terminal, through a descriptor of the view's own: nobody else's lock is held while it blocks.
pub(crate) struct Screen {
    pub(crate) terminal: Terminal<CrosstermBackend<BufWriter<File>>>,
}

impl Screen {
    /// Takes the terminal: raw, on its alternate screen.
    ///
    /// # Errors
    /// It is none, or does not take the modes.
    pub(crate) fn enter() -> io::Result<Screen> {
        let own = File::from(rustix::io::dup(rustix::stdio::stdout())?);
        let mut terminal =
            Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(PICTURE_BYTES, own)))?;
        enable_raw_mode()?;
        execute!(terminal.backend_mut(), EnterAlternateScreen, Hide)?;
        terminal.clear()?;
        Ok(Screen { terminal })
    }

    /// Takes it again after the process was stopped.
    ///
    /// # Errors
    /// As [`Screen::enter`].
    pub(crate) fn again(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        execute!(self.terminal.backend_mut(), EnterAlternateScreen, Hide)?;
        self.terminal.clear()
    }

    /// Gives it back.
    pub(crate) fn leave(&mut self) {
        // Whatever fails here, the terminal is gone.
        let _ = execute!(self.terminal.backend_mut(), LeaveAlternateScreen, Show);
        modes_back();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Cooked modes again; takes no byte of the terminal, and does nothing the second time.
pub(crate) fn modes_back() {
    // Not a terminal any more: nothing to give back.
    let _ = disable_raw_mode();
}

/// Whether a key, or a change of size, came within so long.
///
/// # Errors
/// The terminal is gone.
pub(crate) fn key_within(wait: Duration) -> io::Result<bool> {
    still_there()?;
    event::poll(wait.max(LOOK))
}

/// crossterm takes the end of a terminal for one at which nobody types. Errors: it is gone.
fn still_there() -> io::Result<()> {
    let input = rustix::stdio::stdin();
    let mut looked_at = [PollFd::new(&input, PollFlags::empty())];
    match poll(&mut looked_at, Some(&Timespec::default())) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(e) => return Err(e.into()),
    }
    let said = looked_at[0].revents();
    if said.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
        return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the terminal is gone"));
    }
    Ok(())
}

/// Standard error while the view is up: its lines go to the log pane instead of across the picture.
pub(crate) struct Caught {
    real: OwnedFd,
    reader: Option<JoinHandle<()>>,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Caught {
    /// Puts a pipe in its place.
    ///
    /// # Errors
    /// No descriptors, no thread.
    pub(crate) fn start(news: SyncSender<News>) -> io::Result<Caught> {
        let real = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 0)?;
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let kept = lines.clone();
        let thread = std::thread::Builder::new().name("stderr".into()).spawn(move || {
            // Ends when the last writer is gone.
            for line in BufReader::new(File::from(reader)).lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == SAID_MAX {
                    kept.pop_front();
                }
                kept.push_back(line.clone());
                drop(kept);
                // Full: the view shows enough already; it is said again at the end.
                let _ = news.try_send(News::Line(line));
            }
        })?;
        rustix::stdio::dup2_stderr(&writer)?;
        Ok(Caught { real, reader: Some(thread), lines })
    }

    /// Puts the real one back, and gives what was said meanwhile: the last [`SAID_MAX`] lines.
    pub(crate) fn end(mut self) -> Vec<String> {
        self.restore();
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }

    fn restore(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        if rustix::stdio::dup2_stderr(&self.real).is_ok() {
            // That was the last writer: it ends.
            let _ = reader.join();
        }
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        self.restore();
    }
}
