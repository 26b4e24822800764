//! What a step permits when the controller died while it was under way, or just before it began.

use serde::{Deserialize, Serialize};

use crate::expr::Expr;

/// Whether a unit may be gone on with at a step after a restart. Its outcome is not known: the step has begun, or it has
/// not, or it is over and nobody has recorded that.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterRestart {
    /// The unit is taken out.
    #[default]
    Never,
    /// The step is done once more: nothing that it does cannot be done twice.
    Redo,
    /// It is never done again. If its check holds, it counts as done.
    VerifyThenSkip { check: Expr },
}

impl AfterRestart {
    pub fn is_never(&self) -> bool {
        *self == AfterRestart::Never
    }

    /// As a recipe writes it.
    pub fn word(&self) -> &'static str {
        match self {
            AfterRestart::Never => "never",
            AfterRestart::Redo => "redo",
            AfterRestart::VerifyThenSkip { .. } => "verify-then-skip",
        }
    }
}
