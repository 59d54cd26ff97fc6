//! How a run ends when it does not end well: one place that maps errors to exit codes.

use std::io;
use std::process::ExitCode;

use daybook_api::access::AccessError;
use daybook_commands::CommandError;
use daybook_journal::JournalError;
use daybook_market::MarketError;
use daybook_market::backup::BackupError;
use daybook_market::transparency::TransparencyError;
use daybook_market::what_if::WhatIfError;
use daybook_projections::ReadModelError;
use daybook_proofs::ProofError;

/// Why a subcommand stopped.
#[derive(Debug)]
pub enum Failure {
    /// A check found something; what, has been printed. Exit code 1.
    Found,
    /// The arguments do not fit together. Exit code 2.
    Usage(String),
    /// The input was read and refused. Exit code 3.
    Refused(String),
    /// The journal, a file or the network cannot be had. Exit code 4.
    Unavailable(String),
    /// Standard output was closed by its reader (`| head`): not an error.
    BrokenPipe,
}

impl Failure {
    /// Says it on standard error and gives the exit code.
    pub fn report(self) -> ExitCode {
        let (code, message) = match self {
            Self::BrokenPipe => return ExitCode::SUCCESS,
            Self::Found => return ExitCode::from(1),
            Self::Usage(message) => (2, message),
            Self::Refused(message) => (3, message),
            Self::Unavailable(message) => (4, message),
        };
        crate::output::say!("daybook: {message}");
        ExitCode::from(code)
    }
}

/// What printing a verdict came to: a reader that has gone (`| head`) does not change what was found.
pub fn unheard(printed: Result<(), Failure>) -> Result<(), Failure> {
    match printed {
        Err(Failure::BrokenPipe) => Ok(()),
        other => other,
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::BrokenPipe;
        }
        Self::Unavailable(format!("cannot write the output: {error}"))
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Conflict { .. }
            | JournalError::Overtaken { .. }
            | JournalError::CommandReused { .. }
            | JournalError::TooLarge { .. }
            | JournalError::Malformed(_) => Self::Refused(error.to_string()),
            JournalError::Unavailable(_)
            | JournalError::OutcomeUnknown(_)
            | JournalError::Locked(_)
            | JournalError::Corrupt(_) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<ReadModelError> for Failure {
    fn from(error: ReadModelError) -> Self {
        match error {
            ReadModelError::Journal(error) => error.into(),
            ReadModelError::UnknownModel { .. } | ReadModelError::BadQuestion(_) => {
                Self::Usage(error.to_string())
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<MarketError> for Failure {
    fn from(error: MarketError) -> Self {
        match error {
            MarketError::Journal(error) => error.into(),
            MarketError::Command(error) => error.into(),
            MarketError::Url(why) => Self::Usage(why),
            MarketError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

impl From<WhatIfError> for Failure {
    fn from(error: WhatIfError) -> Self {
        match error {
            WhatIfError::Journal(error) => error.into(),
            WhatIfError::Models(error) => error.into(),
            WhatIfError::Rule(why) | WhatIfError::Refused(why) => Self::Refused(why),
        }
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Unavailable(why) => Self::Unavailable(why),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Journal(error) => error.into(),
            BackupError::Exists(_) | BackupError::Damaged(_) | BackupError::NotACopy(_) => {
                Self::Refused(error.to_string())
            }
            BackupError::File { .. } => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<ProofError> for Failure {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Malformed { .. } | ProofError::Broken(_) | ProofError::Damaged(_) => {
                Self::Refused(error.to_string())
            }
            ProofError::File { .. } | ProofError::Busy(_) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<TransparencyError> for Failure {
    fn from(error: TransparencyError) -> Self {
        match error {
            TransparencyError::Journal(error) => error.into(),
            TransparencyError::Proof(error) => error.into(),
            TransparencyError::Market(error) => error.into(),
            TransparencyError::Models(error) => error.into(),
            TransparencyError::Refused(why) => Self::Refused(why),
        }
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        if error.transient() {
            Self::Unavailable(error.to_string())
        } else {
            Self::Refused(error.to_string())
        }
    }
}
