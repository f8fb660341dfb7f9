use clap::ValueEnum;

/// The one part that is made wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tamper {
    Body,
    Signature,
    Secret,
    HeaderId,
    Timestamp,
    Token,
    Unsigned,
}
