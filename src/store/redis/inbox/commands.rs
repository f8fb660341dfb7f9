//! The commands of an inbox.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::event::{EventKey, Name};
use crate::inbox::{
    Accept, Accepted, Begin, Begun, Discard, EntryCounts, EntryView, Extend, Finish, Inbox, List,
    Moved, Rate, RateOf, RateView, Redrive, SharedInbox, Take, Taken, Verdict,
};
use crate::store::command::Held;
use crate::store::error::StoreError;
use crate::store::identity::StoreIdentity;
use crate::store::redis::RedisStore;
use crate::store::redis::connection::Conn;
use crate::store::redis::scripts::forget_answer;

use super::ahead::LASTS;
use super::answers::ToldOfAccept;
use super::codec::OrderSeen;
use super::groups::in_groups;
use super::order::OrderCommand;
use super::place::{EntryPlace, PartitionPlace};
use super::{RedisInbox, answers, codec, gatherer, scripts};

/// How many extensions go in one script call: other calls get their turn in between.
const EXTENSIONS_PER_CALL: usize = 100;

impl RedisInbox {
    async fn extend_all(
        &self,
        extensions: &[Extend],
        in_slots: bool,
    ) -> Result<Vec<Held>, StoreError> {
        let placed = extensions.iter().map(|it| (it, self.place(&it.key)));
        let placed: Vec<_> = placed.collect();
        let group = |it: &(&Extend, EntryPlace)| if in_slots { it.1.partition } else { 0 };
        let groups = in_groups(&placed, group, EXTENSIONS_PER_CALL, usize::MAX, |_| 0);
        let calls = (groups.into_iter()).map(|numbers| self.extend_some(&placed, numbers));
        // Each call runs to its end, even if one fails: it must not stop the others.
        let answers: Result<Vec<_>, _> = join_all(calls).await.into_iter().collect();
        let mut held: Vec<_> = answers?.into_iter().flatten().collect();
        held.sort_unstable_by_key(|(number, _)| *number);
        Ok(held.into_iter().map(|(_, held)| held).collect())
    }

    async fn extend_some(
        &self,
        extensions: &[(&Extend, EntryPlace)],
        numbers: Vec<usize>,
    ) -> Result<Vec<(usize, Held)>, StoreError> {
        let some: Vec<_> = (numbers.iter())
            .filter_map(|number| extensions.get(*number).cloned())
            .collect();
        let partition = some.first().map_or(0, |(_, place)| place.partition);
        let call = scripts::extend(&some);
        let read = |value| answers::extend_answer(value, some.len());
        let held = self.call(partition, &call, read).await?;
        Ok(numbers.into_iter().zip(held).collect())
    }

    /// Pauses or resumes a provider in all partitions, and says whether that changed anything. The first partition is
    /// used to list paused providers. It is paused before the others and resumed after them, so that a pause in any
    /// partition is listed.
    async fn set_paused_in_all(&self, provider: &Name, paused: bool) -> Result<bool, StoreError> {
        let Some((first, others)) = self.partitions().split_first() else {
            return Ok(false);
        };
        let mut changed = paused && self.set_paused_in(first, provider, true).await?;
        let telling = (others.iter()).map(|place| self.set_paused_in(place, provider, paused));
        // Each runs to its end, even if one fails.
        for told in join_all(telling).await {
            changed |= told?;
        }
        if !paused {
            changed |= self.set_paused_in(first, provider, false).await?;
        }
        Ok(changed)
    }

    async fn set_paused_in(
        &self,
        place: &PartitionPlace,
        provider: &Name,
        paused: bool,
    ) -> Result<bool, StoreError> {
        let mark = self.mark(place.partition)?;
        let call = scripts::pause(place, provider, paused, &mark);
        Ok(forget_answer(&self.store.link.call(&call).await?)?)
    }
}

impl RedisInbox {
    /// Accepts an event. Returns the result, and the order whose key its entry no longer holds.
    async fn accepted(
        &self,
        accept: &Accept,
        place: &EntryPlace,
    ) -> Result<(Result<Accepted, StoreError>, Option<OrderSeen>), StoreError> {
        let mut call = scripts::accept(accept, place, self.room());
        loop {
            let told = self.call_with_others(place.partition, call, answers::accept_answer);
            match told.await? {
                ToldOfAccept::Became(accepted, left) => return Ok((accepted, left)),
                ToldOfAccept::KnownBy(route) => {
                    let accept = Accept {
                        route,
                        ..accept.clone()
                    };
                    call = scripts::accept(&accept, place, self.room());
                }
            }
        }
    }

    async fn forget_where(&self, key: &EventKey, only_ended: bool) -> Result<bool, StoreError> {
        let place = self.place(key);
        let mark = self.mark(place.partition)?;
        let sent = Instant::now();
        let call = scripts::forget(&place, &mark, only_ended);
        let forgotten = self.call(place.partition, &call, answers::forget_answer);
        let (existed, freed) = forgotten.await?;
        self.hints.changed();
        let free = freed.map(|order| OrderCommand::free(order.hash, &place).ended_after(sent));
        self.free_orders(free.as_slice()).await;
        Ok(existed)
    }
}

impl Inbox for RedisInbox {
    /// The servers as in the URL, the database and the namespace; a given connection has an
    /// identity of its own.
    fn identity(&self) -> Option<StoreIdentity> {
        Some(self.store.identity.of_inbox())
    }

    async fn accept(&self, accept: &Accept) -> Result<Accepted, StoreError> {
        self.ready().await?;
        let place = self.place(&accept.key);
        let sent = Instant::now();
        let (accepted, left) = self.accepted(accept, &place).await?;
        let left = left.map(|order| OrderCommand::free(order.hash, &place).ended_after(sent));
        self.free_orders(left.as_slice()).await;
        // For a duplicate too: the reply to the first may be lost.
        self.hints.new_of(&accept.route);
        if let Ok(Accepted::Corrected | Accepted::Revived) = accepted {
            // A known entry keeps its first route.
            self.hints.new_of_provider(accept.key.provider());
        }
        self.tell();
        accepted
    }

    async fn take(&self, take: &Take) -> Result<Vec<Taken>, StoreError> {
        self.ready().await?;
        self.take_due(take).await
    }

    async fn begin(&self, begin: &Begin) -> Result<Begun, StoreError> {
        self.ready().await?;
        let place = self.place(&begin.key);
        let call = scripts::begin(begin, &place);
        self.call_with_others(place.partition, call, answers::begin_answer)
            .await
    }

    async fn extend(&self, extensions: &[Extend]) -> Result<Vec<Held>, StoreError> {
        self.ready().await?;
        loop {
            let in_slots = self.in_slots();
            let held = self.extend_all(extensions, in_slots).await;
            if !self.crossed(in_slots, &held) {
                return held;
            }
        }
    }

    async fn finish(&self, finish: &Finish) -> Result<Held, StoreError> {
        self.ready().await?;
        let place = self.place(&finish.key);
        let sent = Instant::now();
        let call = scripts::finish(finish, &place);
        let finished = self.call_with_others(place.partition, call, answers::finish_answer);
        let (held, freed) = finished.await?;
        let free = freed.map(|(order, known_until)| match finish.verdict {
            Verdict::Done => OrderCommand::complete(&order, &place, known_until),
            _ => OrderCommand::free(order.hash, &place),
        });
        let free = free.map(|command| command.ended_after(sent));
        self.free_orders(free.as_slice()).await;
        if let Verdict::Retry { after, .. } | Verdict::GiveBack { after } = &finish.verdict
            && *after < LASTS
        {
            self.hints.new_of_provider(finish.key.provider());
        }
        self.tell();
        Ok(held)
    }

    async fn wait(&self, limit: Duration) {
        let _ = timeout(limit, self.news.notified()).await;
    }

    /// Uses a connection that is made in the runtime that renews; `None` if a connection was given.
    fn for_renewals(&self) -> Option<SharedInbox> {
        let renewing = self.store.renewing.as_ref()?;
        let store = RedisStore {
            link: Arc::clone(renewing),
            renewing: None,
            ..self.store.clone()
        };
        Some(SharedInbox::new(Self {
            gatherer: gatherer(&store),
            store,
            ..self.clone()
        }))
    }

    async fn lookup(&self, key: &EventKey) -> Result<Option<EntryView>, StoreError> {
        self.ready().await?;
        self.view_of(key).await
    }

    async fn list(&self, list: &List) -> Result<Vec<EntryView>, StoreError> {
        self.ready().await?;
        self.listed(list).await
    }

    async fn redrive(&self, redrive: &Redrive) -> Result<Moved, StoreError> {
        self.ready().await?;
        let place = self.place(&redrive.key);
        let (looked, _) = self.look(std::slice::from_ref(&place), false).await?;
        let stored = looked.into_iter().next();
        let stored = stored.and_then(|(value, history)| codec::decode(value?, history));
        let applied = match stored.and_then(|stored| stored.order) {
            Some(order) => self.applied(&order).await?,
            None => None,
        };
        let call = scripts::redrive(redrive, &place, applied);
        let moved = self.call(place.partition, &call, answers::move_answer);
        let (moved, _) = moved.await?;
        self.hints.changed();
        self.tell();
        Ok(moved)
    }

    async fn discard(&self, discard: &Discard) -> Result<Moved, StoreError> {
        self.ready().await?;
        let place = self.place(&discard.key);
        let mark = self.mark(place.partition)?;
        let sent = Instant::now();
        let call = scripts::discard(discard, &place, &mark);
        let moved = self.call(place.partition, &call, answers::move_answer);
        let (moved, freed) = moved.await?;
        self.hints.changed();
        let free = freed.map(|order| OrderCommand::free(order.hash, &place).ended_after(sent));
        self.free_orders(free.as_slice()).await;
        self.tell();
        Ok(moved)
    }

    /// A mark of the command stays for as long as the call may take: if the command is sent again, it
    /// still reports that there was an entry.
    async fn forget(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.ready().await?;
        self.forget_where(key, false).await
    }

    async fn forget_ended(&self, key: &EventKey) -> Result<bool, StoreError> {
        self.ready().await?;
        self.forget_where(key, true).await
    }

    async fn counts(&self) -> Result<EntryCounts, StoreError> {
        self.ready().await?;
        self.counted().await
    }

    /// Each partition stores the pause, so that a take reads it in the same step.
    async fn set_paused(&self, provider: &Name, paused: bool) -> Result<bool, StoreError> {
        self.ready().await?;
        let changed = self.set_paused_in_all(provider, paused).await;
        // Even if it failed in some partitions.
        self.hints.changed();
        self.tell();
        changed
    }

    async fn paused(&self) -> Result<Vec<Name>, StoreError> {
        let mut members = redis::cmd("SMEMBERS");
        members.arg(self.ready().await?.first().map(|place| &place.paused));
        let members = &members;
        let ask = async |mut conn: Conn| conn.ask(members).await;
        let paused = answers::members(self.store.link.run(ask).await?)?;
        let name = |name: Vec<u8>| Name::new(String::from_utf8(name).ok()?).ok();
        let mut paused: Vec<_> = paused.into_iter().filter_map(name).collect();
        paused.sort();
        Ok(paused)
    }

    async fn set_rate(
        &self,
        provider: &Name,
        of: RateOf,
        rate: Option<Rate>,
    ) -> Result<bool, StoreError> {
        self.ready().await?;
        let changed = self.write_rate(provider, of, rate).await?;
        self.hints.changed();
        self.tell();
        Ok(changed)
    }

    async fn rates(&self) -> Result<Vec<RateView>, StoreError> {
        self.ready().await?;
        Ok(self.rates_set().await?.views())
    }
}
