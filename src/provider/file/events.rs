//! The key of an event, as a file writes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::said::{in_member, read};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::event::{EventRule, OrderRule, Shape};

/// The body by its digest, unless set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct EventsFile {
    /// The members, or query parameters, that identify an event.
    #[serde(default)]
    key: Vec<String>,
    /// The id that the signature covers identifies the event.
    #[serde(default)]
    signed_id: bool,
    /// The key is the sender's own id.
    #[serde(default)]
    own_id: bool,
    #[serde(default)]
    fingerprint: Vec<String>,
    time: Option<String>,
    /// In place of one key: the first shape that fits applies.
    #[serde(default)]
    shapes: Vec<ShapeFile>,
    /// The items of a list are the events.
    each: Option<Box<EachFile>>,
    order: Option<OrderFile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct EachFile {
    list: String,
    item: EventsFile,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct OrderFile {
    by: Vec<String>,
    version: Option<VersionFile>,
    #[serde(default)]
    dead_hold_back: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum VersionFile {
    Time(String),
    Seconds(String),
    Milliseconds(String),
    Number(String),
    Rank {
        member: String,
        statuses: Vec<String>,
    },
}

/// One form of a sender's events.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ShapeFile {
    name: Option<String>,
    #[serde(default)]
    key: Vec<String>,
    #[serde(default)]
    fingerprint: Vec<String>,
    time: Option<String>,
    #[serde(default)]
    own_id: bool,
    #[serde(default)]
    test_ids: Vec<String>,
    #[serde(default)]
    answered: bool,
    #[serde(default)]
    when: Vec<String>,
    #[serde(default)]
    when_there: Vec<String>,
    #[serde(default)]
    when_one_of: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    unless: Vec<String>,
    only: Option<Vec<String>>,
    #[serde(default)]
    only_in: BTreeMap<String, Vec<String>>,
}

impl<'de> Deserialize<'de> for Shape {
    /// `docs/schemes.md` describes the format.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, ShapeFile::shape)
    }
}

impl<'de> Deserialize<'de> for EventRule {
    /// `docs/schemes.md` describes the format.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |file: EventsFile| file.rule())
    }
}

impl ShapeFile {
    fn shape(self) -> Result<Shape, ConfigError> {
        let name = self.name.unwrap_or_else(|| "event".to_owned());
        let mut shape = match &*self.key {
            [] => Shape::recognized(name),
            key => in_member("key", Shape::new(name, texts(key)))?,
        };
        for field in &self.when {
            shape = in_member("when", shape.when(field))?;
        }
        for field in &self.when_there {
            shape = in_member("when-there", shape.when_there(field))?;
        }
        for (field, any) in &self.when_one_of {
            shape = in_member("when-one-of", shape.when_one_of(field, texts(any)))?;
        }
        for field in &self.unless {
            shape = in_member("unless", shape.unless(field))?;
        }
        if let Some(names) = &self.only {
            shape = shape.only(texts(names));
        }
        for (field, names) in &self.only_in {
            shape = in_member("only-in", shape.only_in(field, texts(names)))?;
        }
        shape = in_member("fingerprint", shape.fingerprint(texts(&self.fingerprint)))?;
        if let Some(time) = &self.time {
            shape = in_member("time", shape.time(time))?;
        }
        if self.own_id {
            shape = in_member("own-id", shape.own_id())?;
        }
        if !self.test_ids.is_empty() {
            shape = in_member("test-ids", shape.test_ids(texts(&self.test_ids)))?;
        }
        Ok(if self.answered {
            shape.answered()
        } else {
            shape
        })
    }
}

impl EventsFile {
    pub(super) fn rule(&self) -> Result<EventRule, ConfigError> {
        let rule = match (self.own_rule()?, &self.each) {
            (Some(rule), None) => rule,
            (None, None) => EventRule::body(),
            (rule, Some(each)) => {
                let item = in_member("each.item", each.item.rule())?;
                in_member(
                    "each",
                    match rule {
                        Some(rule) => rule.or_each(&each.list, item),
                        None => EventRule::each(&each.list, item),
                    },
                )?
            }
        };
        match &self.order {
            Some(order) => Ok(rule.ordered(order.rule()?)),
            None => Ok(rule),
        }
    }

    /// The rule for identifying events, if the file states one.
    fn own_rule(&self) -> Result<Option<EventRule>, ConfigError> {
        let with_key = [
            ("own-id", self.own_id),
            ("fingerprint", !self.fingerprint.is_empty()),
            ("time", self.time.is_some()),
        ];
        let lone = with_key.into_iter().find(|(_, is_set)| *is_set);
        match (self.signed_id, &*self.key, &*self.shapes, lone) {
            (true, [], [], None) => Ok(Some(EventRule::signed_id())),
            (true, [], [], Some((member, _))) => Err(refused(
                member,
                "belongs to a key of members, and signed-id is set: take one of them away",
            )),
            (true, [_, ..], _, _) | (true, _, [_, ..], _) => Err(refused(
                "signed-id",
                "stands beside a key of members: take one of them away",
            )),
            (false, [], [], Some((member, _))) => Err(refused(
                member,
                "belongs to a key, and there is none: name the members that make it in key",
            )),
            (false, [], [], None) => Ok(None),
            (false, [], [_, ..], Some((member, _))) => {
                Err(refused(member, "belongs into each of the shapes"))
            }
            (false, [_, ..], [_, ..], _) => Err(refused(
                "shapes",
                "stands beside key: put that into a shape of its own",
            )),
            (false, [], shapes, None) => {
                let shapes = shapes.iter().cloned().map(ShapeFile::shape);
                let shapes: Vec<_> = in_member("shapes", shapes.collect())?;
                in_member("shapes", EventRule::members(shapes)).map(Some)
            }
            (false, key, [], _) => {
                let shape = ShapeFile {
                    key: key.to_vec(),
                    fingerprint: self.fingerprint.clone(),
                    time: self.time.clone(),
                    own_id: self.own_id,
                    ..ShapeFile::default()
                };
                EventRule::members([shape.shape()?]).map(Some)
            }
        }
    }
}

impl OrderFile {
    fn rule(&self) -> Result<OrderRule, ConfigError> {
        let order = in_member("order.by", OrderRule::by(texts(&self.by)))?;
        let order = match &self.version {
            None => Ok(order),
            Some(VersionFile::Time(member)) => order.version_time(member),
            Some(VersionFile::Seconds(member)) => order.version_seconds(member),
            Some(VersionFile::Milliseconds(member)) => order.version_millis(member),
            Some(VersionFile::Number(member)) => order.version_number(member),
            Some(VersionFile::Rank { member, statuses }) => {
                order.version_rank(member, texts(statuses))
            }
        };
        let order = in_member("order.version", order)?;
        Ok(match self.dead_hold_back {
            true => order.dead_hold_back(),
            false => order,
        })
    }
}

fn texts(texts: &[String]) -> impl Iterator<Item = &str> {
    texts.iter().map(String::as_str)
}

fn refused(member: &'static str, why: &'static str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Other, why).in_setting(member)
}
