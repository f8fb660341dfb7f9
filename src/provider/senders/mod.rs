//! The senders beyond the first edition: one file of data each.
//!
//! A file imports from `prelude` alone, and holds the scheme, the rule of events, the contract, what
//! is known of the sender and how sure that is, and vectors that this crate did not make. Where a fact
//! is not known from the sender's own words or code, the cautious value is taken and said on the page.

mod facts;
mod page;
mod prelude;

pub use facts::{Confidence, SenderFacts};
pub use page::senders_page;

/// Makes each sender known: its module, its constructors, its facts and its vectors.
macro_rules! senders {
    ($($module:ident [$($constructor:ident),+])+) => {
        $(
            pub mod $module;
            #[doc(inline)]
            pub use $module::{$($constructor),+};
        )+

        const ALL: &[&[SenderFacts]] = &[$($module::FACTS),+];

        #[cfg(test)]
        const VECTORS: &[&[tests::Vector]] = &[$($module::VECTORS),+];
    };
}

senders! {
    ably [ably]
    adyen [adyen]
    adyen_platforms [adyen_platforms]
    alchemy [alchemy]
    anthropic [anthropic]
    asaas [asaas]
    asana [asana]
    auth0 [auth0]
    azure_event_grid [azure_event_grid]
    bigcommerce [bigcommerce, bigcommerce_token]
    bird [bird]
    box_v2 [box_v2]
    buildkite [buildkite]
    cashfree [cashfree]
    celcoin [celcoin]
    checkout_com [checkout_com]
    circleci [circleci]
    clerk [clerk]
    cloudevents [cloudevents]
    coinbase_cdp [coinbase_cdp]
    coinbase_commerce [coinbase_commerce]
    efi [efi]
    elevenlabs [elevenlabs]
    gitlab [gitlab]
    gitlab_token [gitlab_token]
    gocardless [gocardless]
    hubspot [hubspot, hubspot_v2, hubspot_v1]
    line [line]
    linear [linear]
    linkedin [linkedin]
    liveblocks [liveblocks]
    mailgun [mailgun]
    mercado_pago [mercado_pago]
    messagebird_legacy [messagebird_legacy]
    meta [meta]
    mollie [mollie]
    mux [mux]
    notion [notion]
    okta [okta]
    onfido [onfido]
    openai [openai]
    paddle [paddle]
    pagbank [pagbank]
    pagerduty [pagerduty]
    plivo_v2 [plivo_v2]
    polar [polar]
    pusher [pusher]
    qi_tech [qi_tech]
    qonto [qonto]
    razorpay [razorpay]
    replicate [replicate]
    resend [resend]
    revolut [revolut]
    sanity [sanity]
    segment [segment]
    shopify_events [shopify_events]
    square [square]
    sumsub [sumsub]
    svix [svix]
    telegram [telegram]
    transfeera [transfeera]
    twilio [twilio, twilio_shared_key]
    twitch [twitch]
    viber [viber]
    woovi [woovi]
    workos [workos]
    x [x]
    zoom [zoom]
}

/// Every sender that the `senders` feature knows, in the order of their names.
///
/// ```
/// use tower_webhook::provider::senders;
///
/// let linear = senders().find(|sender| sender.name() == "linear");
/// assert_eq!(linear.map(|sender| sender.title()), Some("Linear"));
/// ```
pub fn senders() -> impl Iterator<Item = &'static SenderFacts> {
    ALL.iter().copied().flatten()
}

#[cfg(test)]
mod tests;
