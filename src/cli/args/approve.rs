//! Arguments of `approve` and `users`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use cellwright_approval::Act;

use super::DEFAULT_SEED;

/// What is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Of {
    Recipe,
    Cell,
    /// Poses touched up at the machine.
    Taught,
}

#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// Recipe file.
    pub(crate) recipe: PathBuf,
    /// Folder with cell.yaml, taught.yaml and users.yaml.
    #[arg(long, value_name = "DIR")]
    pub(crate) cell: PathBuf,
    /// What is signed.
    #[arg(long, value_enum, default_value_t = Of::Recipe)]
    pub(crate) of: Of,
    /// submit, return, validate, release, retire or teach; without it: where all of it stands.
    #[arg(long, value_parser = act, requires = "person")]
    pub(crate) act: Option<Act>,
    /// Who signs, as users.yaml names them.
    #[arg(long, value_name = "ID", requires = "key")]
    person: Option<String>,
    /// Their key file.
    #[arg(long, value_name = "FILE", requires = "person")]
    key: Option<PathBuf>,
    /// File whose first line is the passphrase; asked for at the terminal if left out.
    #[arg(long, value_name = "FILE", requires = "person")]
    passphrase_file: Option<PathBuf>,
    /// In the signer's words; kept with the signature.
    #[arg(long, default_value = "", requires = "act")]
    pub(crate) note: String,
    /// What is another than in this version of the recipe, by meaning: params, limits, steps. Signs nothing.
    #[arg(long, value_name = "OLD", conflicts_with = "act")]
    pub(crate) diff: Option<PathBuf>,
    /// Writes a page for the reviewer: what the recipe does, limits, variants, what its twin makes of it, hashes, and
    /// the change, with `--diff`. Signs nothing.
    #[arg(long, value_name = "FILE.html", conflicts_with = "act")]
    pub(crate) report: Option<PathBuf>,
    /// Units that the twin makes of each row for the report.
    #[arg(long, default_value_t = 50, requires = "report", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) units: u32,
    /// Seed of every draw of its plant.
    #[arg(long, default_value_t = DEFAULT_SEED, requires = "report")]
    pub(crate) seed: u64,
    /// State directory of the cell, with the administrators that it trusts.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Who is to work the cell.
    #[arg(long, value_name = "ID")]
    pub(crate) operator: Option<String>,
    /// One JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

impl ApproveArgs {
    /// The act, and by whom.
    pub(crate) fn signing(&self) -> Option<(Act, SignatureArgs)> {
        let (act, person, key) = (self.act?, self.person.clone()?, self.key.clone()?);
        Some((act, SignatureArgs { person, key, passphrase_file: self.passphrase_file.clone() }))
    }
}

/// By whom, and with which key.
#[derive(Debug, Clone, Args)]
pub(crate) struct SignatureArgs {
    /// The person, as users.yaml names them.
    #[arg(long, value_name = "ID")]
    pub(crate) person: String,
    /// Their key file.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// File whose first line is the passphrase; asked for at the terminal if left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct UsersArgs {
    #[command(subcommand)]
    pub(crate) command: UsersCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// Makes a key for a person: an encrypted file, and the public key for users.yaml.
    Key {
        #[arg(long, value_name = "ID")]
        person: String,
        /// The new key file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// An administrator signs users.yaml as it is.
    Sign {
        #[arg(long, value_name = "DIR")]
        cell: PathBuf,
        #[command(flatten)]
        signature: SignatureArgs,
    },
    /// Lays an administrator's public key down at the cell: whose users.yaml counts here.
    Trust {
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// The key, from the administrator's own word.
        #[arg(long, value_name = "HEX")]
        key: String,
    },
    /// Who stands in users.yaml, and whether its signature holds.
    List {
        #[arg(long, value_name = "DIR")]
        cell: PathBuf,
        #[arg(long)]
        json: bool,
    },
}

fn act(word: &str) -> Result<Act, String> {
    let all: Vec<&str> = Act::ALL.iter().map(|a| a.as_str()).collect();
    let found = Act::ALL.iter().find(|a| a.as_str() == word);
    found.copied().ok_or_else(|| format!("one of {}", all.join(", ")))
}
