//! Key files and passphrases.

use std::fs::File;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::Path;

use cellwright_approval::key::{Cost, Entropy, PASSPHRASE_BYTES_MAX};
use cellwright_approval::{SealedKey, Signer};
use crossterm::event::{self, Event, KeyCode, KeyModifiers};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use zeroize::Zeroizing;

use super::files::{self, Put};
use crate::cli::Failure;
use crate::cli::args::SignatureArgs;

/// Bytes of a key file.
const KEY_BYTES_MAX: u64 = 16 << 10;

type Passphrase = Zeroizing<String>;

/// Makes a key of this machine's randomness; its public part in words.
pub(crate) fn make(person: &str, out: &Path, passphrase: Option<&Path>) -> Result<String, Failure> {
    let phrase = asked(passphrase, person)?;
    if passphrase.is_none() && *asked(None, "the same again, for")? != *phrase {
        return Err(Failure::Failed("the two passphrases differ; no key was made".to_owned()));
    }
    let key = SealedKey::seal(person, &phrase, &entropy()?, Cost::USUAL)?;
    files::whole(out, &key.to_bytes()?, Put::Secret)?;
    Ok(key.public)
}

fn entropy() -> Result<Entropy, Failure> {
    let mut source = File::open("/dev/urandom")?;
    let mut entropy = Entropy { seed: Zeroizing::new([0; 32]), salt: [0; 16], nonce: [0; 24] };
    source.read_exact(&mut entropy.seed[..])?;
    source.read_exact(&mut entropy.salt)?;
    source.read_exact(&mut entropy.nonce)?;
    Ok(entropy)
}

/// Opens the key of who signs.
pub(crate) fn open(signature: &SignatureArgs) -> Result<Signer, Failure> {
    let SignatureArgs { person, key: path, passphrase_file } = signature;
    let place = path.display();
    let fail = |why: &dyn core::fmt::Display| Failure::Failed(format!("{place}: {why}"));
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|f| f.take(KEY_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|e| fail(&e))?;
    let key = SealedKey::read(&bytes).map_err(|e| fail(&e))?;
    if key.person != *person {
        return Err(fail(&format!("this is the key of {}, not of {person}", key.person)));
    }
    let phrase = asked(passphrase_file.as_deref(), person)?;
    key.open(&phrase).map_err(|e| fail(&e))
}

/// The first line of a file, or what is typed at the terminal, unseen.
fn asked(file: Option<&Path>, whose: &str) -> Result<Passphrase, Failure> {
    let Some(path) = file else {
        if !std::io::stdin().is_terminal() {
            return Err(Failure::Usage(
                "there is no terminal to ask for the passphrase: name a file with --passphrase-file"
                    .to_owned(),
            ));
        }
        // Who reads no prompt types all the same.
        write!(std::io::stderr(), "passphrase of {whose}: ").ok();
        enable_raw_mode()?;
        let typed = typed();
        disable_raw_mode()?;
        writeln!(std::io::stderr()).ok();
        return typed;
    };
    let fail = |e: std::io::Error| Failure::Failed(format!("{}: {e}", path.display()));
    let file = File::open(path).map_err(fail)?.take(PASSPHRASE_BYTES_MAX as u64 + 2);
    let mut line = Passphrase::default();
    std::io::BufReader::new(file).read_line(&mut line).map_err(fail)?;
    while line.ends_with(['\n', '\r']) {
        line.pop();
    }
    Ok(line)
}

fn typed() -> Result<Passphrase, Failure> {
    // It never grows, which would leave a copy behind.
    let mut line = Passphrase::new(String::with_capacity(PASSPHRASE_BYTES_MAX + 4));
    loop {
        let Event::Key(key) = event::read()? else { continue };
        match key.code {
            KeyCode::Enter => return Ok(line),
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Err(Failure::Failed("no passphrase; nothing was done".to_owned()));
            }
            KeyCode::Backspace => drop(line.pop()),
            KeyCode::Char(c) if line.len() < PASSPHRASE_BYTES_MAX => line.push(c),
            _ => {}
        }
    }
}
