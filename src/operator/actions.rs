//! An operator's actions, once the operator is authenticated.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use http::StatusCode;
use maud::{Markup, html};

use super::access;
use super::asked::{Asked, get, read};
use super::doing::{Doing, FAILED, Refused};
use super::state::{RETENTION, State};
use super::view::entry::died;
use super::view::frame::link;
use crate::clock::UnixTime;
use crate::event::{EventKey, Name};
use crate::inbox::{DeadLetters, Discard, Inbox as _, ManyMoved, Moved, Redrive, SharedInbox};
use crate::store::{Store as _, StoreError};

/// The longest form that is accepted.
const MAX_FORM: usize = 256 * 1024;
/// How many events are moved at once when selected by hand.
const MOST_BY_HAND: usize = 100;
/// The time over which many redriven events are spread.
const SPREAD: Duration = Duration::from_secs(60);

/// The names of actions in forms.
pub(super) const REDRIVE: &str = "redrive";
pub(super) const FORCE: &str = "force";
pub(super) const DISCARD: &str = "discard";
pub(super) const REDRIVE_ALL: &str = "redrive-all";
pub(super) const DISCARD_ALL: &str = "discard-all";
pub(super) const FORGET: &str = "forget";
pub(super) const PAUSE: &str = "pause";
pub(super) const RESUME: &str = "resume";

/// Carries out the action in a form, and returns the view to go to next.
///
/// It is done in a task of its own: a browser that is gone meanwhile does not end it half-way.
pub(super) async fn act(
    state: &Arc<State>,
    asked: &Asked,
    request: Request,
) -> Result<String, Refused> {
    let (parts, body) = request.into_parts();
    if !access::is_own_page(&parts.headers, &parts.uri) {
        return Err((
            StatusCode::FORBIDDEN,
            "This was asked for by a page of another site, or a proxy has changed the Host that the browser asked for.",
        ));
    }
    let body = axum::body::to_bytes(body, MAX_FORM).await;
    let body = body.map_err(|_| (StatusCode::PAYLOAD_TOO_LARGE, "The form is too long."))?;
    let form = Form(read(&body));
    let action = form.get("act").unwrap_or_default();
    let token = form.get(&format!("token.{action}")).unwrap_or_default();
    if !state.tokens.is_right(token, action, asked.who(), asked.now) {
        return Err((
            StatusCode::FORBIDDEN,
            "The page that asked for this is older than an hour, or is not of this process. Go back, reload it \
             and try again.",
        ));
    }
    let (state, asked, action) = (Arc::clone(state), asked.clone(), action.to_owned());
    let task = tokio::spawn(async move {
        let doing = Doing {
            state: &state,
            asked: &asked,
            action: &action,
        };
        let done = form.carry_out(&doing).await;
        state.seen.changed();
        done
    });
    task.await.unwrap_or_else(|error| {
        tracing::error!(target: "tower_webhook", %error, "an operator's action ended half-way");
        Err(FAILED)
    })
}

/// The fields of a form.
struct Form(Vec<(String, String)>);

const NO_SUCH: Refused = (
    StatusCode::BAD_REQUEST,
    "The form asks for nothing that there is.",
);

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        get(&self.0, name)
    }

    fn inbox<'s>(&self, state: &'s State) -> Result<&'s SharedInbox, Refused> {
        let number: Option<usize> = self.get("inbox").and_then(|it| it.parse().ok());
        let inboxes = state.inboxes();
        number
            .and_then(|number| inboxes.get(number).copied())
            .ok_or(NO_SUCH)
    }

    fn provider(&self) -> Result<Option<Name>, Refused> {
        let name = self.get("provider").map(|it| Name::new(it.to_owned()));
        name.transpose().map_err(|_| NO_SUCH)
    }

    /// The selected events, each with when it died.
    fn keys(&self) -> Result<Vec<(EventKey, Option<UnixTime>)>, Refused> {
        let values = self.0.iter().filter(|(name, _)| name == "key");
        let keys: Option<Vec<_>> = values
            .take(MOST_BY_HAND)
            .map(|(_, it)| target(it))
            .collect();
        keys.filter(|keys| !keys.is_empty())
            .ok_or((StatusCode::BAD_REQUEST, "No event was chosen."))
    }

    async fn carry_out(&self, doing: &Doing<'_>) -> Result<String, Refused> {
        let Doing {
            state,
            asked,
            action,
        } = *doing;
        match action {
            REDRIVE | FORCE | DISCARD => self.move_some(doing).await,
            REDRIVE_ALL | DISCARD_ALL => self.move_all(doing).await,
            FORGET => self.forget(doing).await,
            PAUSE | RESUME => {
                let (inbox, provider) = (self.inbox(state)?, self.provider()?.ok_or(NO_SUCH)?);
                let changed = inbox.set_paused(&provider, action == PAUSE).await;
                let provider = Some(&provider);
                let changed = changed.map_err(|error| doing.failed(provider, None, &error, ""))?;
                let word = if changed { "done" } else { "no change" };
                doing.note(provider, None, word);
                let number = u8::from(changed).to_string();
                Ok(link(asked, "/queue", &[("did", action), ("done", &number)]))
            }
            _ => Err(NO_SUCH),
        }
    }

    async fn move_some(&self, doing: &Doing<'_>) -> Result<String, Refused> {
        let Doing {
            state,
            asked,
            action,
        } = *doing;
        let (inbox, keys) = (self.inbox(state)?, self.keys()?);
        let mut all = ManyMoved::default();
        for (key, since) in &keys {
            let failed = |error| doing.failed(Some(key.provider()), Some(key), &error, "");
            let since = exactly(inbox, key, *since).await.map_err(failed)?;
            let moved = if action == DISCARD {
                let retention = state.retention(key.provider());
                let mut discard = Discard::new(key.clone(), retention);
                discard.if_dead_since = since;
                inbox.discard(&discard).await
            } else {
                let mut redrive = Redrive::new(key.clone());
                redrive.force = action == FORCE;
                redrive.if_dead_since = since;
                inbox.redrive(&redrive).await
            };
            let (count, word) = match moved.map_err(failed)? {
                Moved::Done => (&mut all.done, "done"),
                Moved::Stale => (&mut all.stale, "overtaken, and left as it is"),
                Moved::NotFrom(_) | Moved::Absent => {
                    (&mut all.changed, "changed since, and left as it is")
                }
            };
            *count = count.saturating_add(1);
            doing.note(Some(key.provider()), Some(key), word);
        }
        let key = match keys.as_slice() {
            [(key, _)] if self.get("from") == Some("event") => key.encoded(),
            _ => String::new(),
        };
        Ok(self.back(asked, action, &all, &key))
    }

    async fn move_all(&self, doing: &Doing<'_>) -> Result<String, Refused> {
        let Doing {
            state,
            asked,
            action,
        } = *doing;
        let (inbox, provider) = (self.inbox(state)?, self.provider()?);
        let mut dead = DeadLetters::new();
        if let Some(provider) = &provider {
            dead = dead.provider(provider.clone());
        }
        let retention = match &provider {
            Some(provider) => state.retention(provider),
            None => {
                let all = state.providers();
                all.iter()
                    .map(|it| state.retention(it))
                    .max()
                    .unwrap_or(RETENTION)
            }
        };
        let mut moved = ManyMoved::default();
        let ended = match action {
            REDRIVE_ALL => dead.redrive_and_count(inbox, SPREAD, &mut moved).await,
            _ => dead.discard_and_count(inbox, retention, &mut moved).await,
        };
        let ManyMoved {
            done,
            stale,
            changed,
        } = moved;
        let words = format!("{done} done, {stale} overtaken, {changed} changed since");
        let provider = provider.as_ref();
        ended.map_err(|error| {
            doing.failed(provider, None, &error, &format!("; of the others {words}"))
        })?;
        doing.note(provider, None, &words);
        Ok(self.back(asked, action, &moved, ""))
    }

    async fn forget(&self, doing: &Doing<'_>) -> Result<String, Refused> {
        let Doing { state, asked, .. } = *doing;
        let keys = self.keys()?;
        let mut was_there = false;
        for (key, _) in &keys {
            let mut any = false;
            let failed = |any, error| {
                let more = if any {
                    "; a part of it is forgotten"
                } else {
                    ""
                };
                doing.failed(Some(key.provider()), Some(key), &error, more)
            };
            for inbox in state.inboxes() {
                any |= (inbox.forget(key).await).map_err(|error| failed(any, error))?;
            }
            for store in state.stores() {
                any |= (store.forget(key).await).map_err(|error| failed(any, error))?;
            }
            let word = if any { "done" } else { "nothing was there" };
            doing.note(Some(key.provider()), Some(key), word);
            was_there |= any;
        }
        let all = ManyMoved {
            done: usize::from(was_there),
            ..ManyMoved::default()
        };
        let key = keys.first().map(|(key, _)| key.encoded());
        Ok(self.back(asked, FORGET, &all, &key.unwrap_or_default()))
    }

    /// The view to return to, with the result of the action.
    fn back(&self, asked: &Asked, action: &str, moved: &ManyMoved, key: &str) -> String {
        let ManyMoved {
            done,
            stale,
            changed,
        } = *moved;
        let numbers = [done, stale, changed].map(|number| number.to_string());
        let [done, stale, changed] = &numbers;
        let path = if key.is_empty() { "/dead" } else { "/event" };
        let or_none = |name| self.get(name).unwrap_or_default();
        let fields = [
            ("key", key),
            ("inbox", or_none("inbox")),
            (
                "provider",
                if key.is_empty() {
                    or_none("provider")
                } else {
                    ""
                },
            ),
            ("did", action),
            ("done", done),
            ("stale", stale),
            ("changed", changed),
        ];
        link(asked, path, &fields)
    }
}

/// When an event died, if a form says so: an inbox may store it more precisely.
async fn exactly(
    inbox: &SharedInbox,
    key: &EventKey,
    told: Option<UnixTime>,
) -> Result<Option<UnixTime>, StoreError> {
    let Some(told) = told else { return Ok(None) };
    let view = inbox.lookup(key).await?;
    let died = view.as_ref().and_then(died);
    let is_meant = |died: &UnixTime| died.as_micros() == told.as_micros();
    Ok(Some(died.filter(is_meant).unwrap_or(told)))
}

/// An event in a form: its key, and when it died if that is given.
fn target(text: &str) -> Option<(EventKey, Option<UnixTime>)> {
    let (since, key) = text.split_once('|')?;
    let since = match since {
        "" => None,
        since => Some(UnixTime::from_micros(since.parse().ok()?)),
    };
    Some((EventKey::decode(key).ok()?, since))
}

/// The same in the format of a form.
pub(super) fn value(key: &EventKey, since: Option<UnixTime>) -> String {
    let since = since.map(|since| since.as_micros().to_string());
    format!("{}|{}", since.unwrap_or_default(), key.escaped())
}

/// The result of the last action.
pub(super) fn message(asked: &Asked) -> Markup {
    let words = match asked.get("did") {
        Some(REDRIVE | FORCE | REDRIVE_ALL) => "queued again",
        Some(DISCARD | DISCARD_ALL) => "discarded",
        Some(FORGET) => "forgotten",
        Some(PAUSE) => "paused",
        Some(RESUME) => "resumed",
        _ => return html! {},
    };
    let number = |name| asked.number(name).unwrap_or(0);
    html! {
        section.message role="status" {
            p {
                (number("done")) " " (words) "."
                @if number("stale") > 0 {
                    " " (number("stale")) " were overtaken by newer events, and run only by force."
                }
                @if number("changed") > 0 {
                    " " (number("changed")) " had changed meanwhile, and are as they were."
                }
            }
        }
    }
}
