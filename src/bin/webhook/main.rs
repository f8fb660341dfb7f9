//! `webhook`: sends and verifies deliveries, explains refusals, and manages receivers' stores.

mod args;
mod capture;
mod certificates;
mod curl;
mod doctor;
mod failure;
mod inbox;
mod journal;
mod journals;
mod many;
mod output;
mod place;
mod presets;
mod progress;
mod providers;
mod records;
mod sample;
mod secrets;
mod send;
mod sign;
mod tamper;
mod verify;
mod watch;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::output::{Ended, Output};

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { json, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&without_value(error)),
    };
    let output = Output { json };
    match run(command, output).await {
        Ok(ended) => printed(match ended {
            Ended::Well => ExitCode::SUCCESS,
            Ended::No => ExitCode::FAILURE,
        }),
        Err(failure) => {
            output.failure(&failure);
            failure.status()
        }
    }
}

/// This status, unless something could not be printed: whoever goes by the status alone has to know.
fn printed(status: ExitCode) -> ExitCode {
    let Some(error) = output::unwritten() else {
        return status;
    };
    let failure = Failure::usage(format!("the output cannot be written: {error}"));
    Output { json: false }.failure(&failure);
    failure.status()
}

/// Help, or an invalid command line: clap's own text and statuses, 0 for help and otherwise 2.
fn not_understood(error: &clap::Error) -> ExitCode {
    let is_option = |word: &std::ffi::OsString| word != "--";
    let json = std::env::args_os()
        .take_while(is_option)
        .any(|word| word == "--json");
    if !(json && error.use_stderr()) {
        let status = match error.use_stderr() {
            true => ExitCode::from(2),
            false => ExitCode::SUCCESS,
        };
        let written = error.print();
        if error.use_stderr() {
            return status;
        }
        output::note_unwritten(written);
        output::print(b"");
        return printed(status);
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let (text, _) = text.split_once("\n\nUsage:").unwrap_or((text, ""));
    let (text, _) = text
        .split_once("\n\nFor more information")
        .unwrap_or((text, ""));
    let failure = Failure::usage(text.trim());
    Output { json }.failure(&failure);
    failure.status()
}

/// Hides a surplus word in the error: it may be a secret that was typed without its option.
fn without_value(mut error: clap::Error) -> clap::Error {
    let is_word = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) => !word.starts_with('-'),
        _ => false,
    };
    if error.kind() == ErrorKind::UnknownArgument && is_word {
        let hidden = ContextValue::String("…".to_owned());
        error.insert(ContextKind::InvalidArg, hidden);
    }
    error
}

async fn run(command: Command, output: Output) -> Result<Ended, Failure> {
    match command {
        Command::Providers { name } => providers::run(name.as_deref(), output),
        Command::Sign(asked) => sign::run(&asked, output),
        Command::Send(asked) => send::run(&asked, output).await,
        Command::Verify(asked) => verify::run(&asked, output).await,
        Command::Records { store, command } => records::run(&store, &command, output).await,
        Command::Show { store, key } => inbox::show(&store, &key, output).await,
        Command::Inbox { store, command } => inbox::run(&store, &command, output).await,
        Command::Dead { store, filter } => many::dead(&store, &filter, output).await,
        Command::Redrive(asked) => many::redrive(&asked, output).await,
        Command::Discard(asked) => many::discard(&asked, output).await,
        Command::Pause { store, provider } => inbox::pause(&store, &provider, true, output).await,
        Command::Resume { store, provider } => inbox::pause(&store, &provider, false, output).await,
        Command::Replay(asked) => journal::replay(&asked, output).await,
        Command::Watch(asked) => watch::run(&asked, output).await,
        Command::Doctor(asked) => doctor::run(&asked, output).await,
        Command::Completions { shell } => {
            // Generating directly to the output panics if its reader is gone.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "webhook", &mut script);
            output::print(&script);
            Ok(Ended::Well)
        }
        Command::Man { command } => manual(&command),
    }
}

/// The manual page of the program, or of one of its commands, named by one or two words.
fn manual(words: &[String]) -> Result<Ended, Failure> {
    let mut command = Cli::command();
    // Gives each command its full name.
    command.build();
    for word in words {
        let found = command.find_subcommand(word).cloned();
        command = found.ok_or_else(|| Failure::usage(format!("man: {word:?} is no command")))?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::other("man", error))?;
    output::print(&page);
    Ok(Ended::Well)
}
