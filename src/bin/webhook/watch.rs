//! `webhook watch`: shows deliveries in the terminal as a journal records them.

use std::io::{BufRead, BufReader, IsTerminal, Seek, SeekFrom};
use std::time::Duration;

use serde_json::json;
use tower_webhook::Name;
use tower_webhook::journal::JournalLine;

use crate::args::Watch;
use crate::failure::Failure;
use crate::journal::{at, is_trouble};
use crate::journals::Pages;
use crate::output::{Ended, Output, printable};

/// How often it checks for more lines.
const EVERY: Duration = Duration::from_millis(200);

/// The filter of lines to show.
struct Wanted {
    provider: Option<Name>,
    trouble: bool,
    output: Output,
}

impl Wanted {
    /// Shows a line that matches. Returns whether the output still has a reader.
    fn show(&self, line: &JournalLine) -> bool {
        let is_of_it = (self.provider.as_ref()).is_none_or(|name| name.as_str() == line.provider);
        let is_wanted = is_of_it && (!self.trouble || is_trouble(line));
        !is_wanted || tell(line, self.output)
    }
}

pub(crate) async fn run(asked: &Watch, output: Output) -> Result<Ended, Failure> {
    let wanted = Wanted {
        provider: asked.provider.clone().map(Name::new).transpose()?,
        trouble: asked.trouble,
        output,
    };
    match Pages::open(&asked.file, "watch")? {
        Some(pages) => paged(&pages, asked, &wanted).await,
        None => file(asked, &wanted).await,
    }
}

/// A journal in a folder of files, or in a table.
async fn paged(pages: &Pages, asked: &Watch, wanted: &Wanted) -> Result<Ended, Failure> {
    let mut after = None;
    let mut is_shown = asked.from_start || asked.once;
    loop {
        let page = pages.read(after.as_ref()).await;
        let page = page.map_err(|why| Failure::caused("watch", why))?;
        if is_shown && !page.lines.iter().all(|line| wanted.show(line)) {
            return Ok(Ended::Well);
        }
        after = Some(page.next);
        if page.is_last {
            if asked.once {
                return Ok(Ended::Well);
            }
            is_shown = true;
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// A single file, such as the output of a sink of your own.
async fn file(asked: &Watch, wanted: &Wanted) -> Result<Ended, Failure> {
    let shown = asked.file.display();
    let failed = |error| Failure::other("watch", format_args!("{shown}: {error}"));
    let mut file = std::fs::File::open(&asked.file).map_err(failed)?;
    if !asked.from_start && !asked.once {
        file.seek(SeekFrom::End(0)).map_err(failed)?;
    }
    let mut file = BufReader::new(file);
    // Bytes, as a partial line may end within a character.
    let mut text = Vec::new();
    loop {
        let read = file.read_until(b'\n', &mut text).map_err(failed)?;
        if read > 0 && text.ends_with(b"\n") {
            if let Ok(line) = JournalLine::parse(String::from_utf8_lossy(&text).trim_end())
                && !wanted.show(&line)
            {
                return Ok(Ended::Well);
            }
            text.clear();
            continue;
        }
        // A partial line is completed by later reads.
        if asked.once && read == 0 {
            return Ok(Ended::Well);
        }
        if read == 0 {
            if was_replaced(&mut file, &asked.file) {
                file = BufReader::new(std::fs::File::open(&asked.file).map_err(failed)?);
                text.clear();
                continue;
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// Whether a shorter file now has this name: the journal has begun a new one.
fn was_replaced(file: &mut BufReader<std::fs::File>, path: &std::path::Path) -> bool {
    let here = file.stream_position().ok();
    let len = std::fs::metadata(path).ok().map(|file| file.len());
    matches!((here, len), (Some(here), Some(len)) if len < here)
}

fn tell(line: &JournalLine, output: Output) -> bool {
    let status = line
        .status
        .map_or("-".to_owned(), |status| status.to_string());
    let which = line
        .key
        .as_deref()
        .or(line.claimed_id.as_deref())
        .unwrap_or("-");
    let why = line.reason.as_deref().unwrap_or_default();
    let detail = line.detail.as_deref().unwrap_or_default();
    let attempt = line
        .attempt
        .map_or(String::new(), |attempt| format!(" attempt {attempt}"));
    let millis = line.micros.total / 1000;
    let text = format!(
        "{}  {:12} {:10} {status:3} {millis:5} ms  {which}{attempt}  {why} {detail}",
        at(line).to_rfc3339(),
        line.provider,
        line.verdict,
    );
    let text = printable(text.trim_end());
    let text = match (std::io::stdout().is_terminal(), is_trouble(line)) {
        (true, true) => format!("\x1b[31m{text}\x1b[0m"),
        _ => text,
    };
    output.show(text, || {
        json!({
            "at": at(line).to_rfc3339(), "provider": line.provider, "verdict": line.verdict, "status": line.status,
            "key": line.key, "reason": line.reason, "detail": line.detail, "ms": millis,
        })
    })
}
