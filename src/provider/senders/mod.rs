//! The senders beyond the default presets: one file of data each.
//!
//! A file imports from `prelude` alone. It contains the scheme, the event rule, the contract, the
//! facts about the sender with their certainty, and vectors that this crate did not make. If a fact
//! is not known from the sender's own documentation or code, a cautious value is used, and the page
//! says so.

mod facts;
mod page;
mod prelude;

pub use facts::{Confidence, SenderFacts};
pub use page::senders_page;

/// Registers each sender: its module, its constructors, its facts and its vectors.
macro_rules! senders {
    ($($(#[$only:meta])? $module:ident [$($constructor:ident),+])+) => {
        $(
            $(#[$only])?
            pub mod $module;
            $(#[$only])?
            #[doc(inline)]
            pub use $module::{$($constructor),+};
        )+

        const ALL: &[&[SenderFacts]] = &[$($(#[$only])? $module::FACTS),+];

        #[cfg(test)]
        const VECTORS: &[&[tests::Vector]] = &[$($(#[$only])? $module::VECTORS),+];
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
    #[cfg(feature = "asymmetric")]
    bitso [bitso]
    box_v2 [box_v2]
    braintree [braintree]
    buildkite [buildkite]
    calendly [calendly]
    cashfree [cashfree]
    celcoin [celcoin]
    checkout_com [checkout_com]
    #[cfg(feature = "asymmetric")]
    circle [circle]
    circleci [circleci]
    clerk [clerk]
    cloudevents [cloudevents]
    coinbase_cdp [coinbase_cdp]
    coinbase_commerce [coinbase_commerce]
    contentful [contentful]
    cronofy [cronofy]
    #[cfg(feature = "asymmetric")]
    discord [discord, discord_events]
    docusign [docusign]
    #[cfg(feature = "asymmetric")]
    ebay [ebay]
    efi [efi]
    #[cfg(feature = "asymmetric")]
    efi_mtls [efi_mtls]
    elevenlabs [elevenlabs]
    #[cfg(feature = "jwt")]
    fireblocks [fireblocks]
    #[cfg(feature = "asymmetric")]
    fireblocks_legacy [fireblocks_legacy]
    #[cfg(feature = "jwt")]
    fusionauth [fusionauth]
    gitlab [gitlab]
    gitlab_token [gitlab_token]
    gocardless [gocardless]
    heroku [heroku]
    hubspot [hubspot, hubspot_v2, hubspot_v1]
    #[cfg(feature = "asymmetric")]
    inter [inter]
    intercom [intercom]
    #[cfg(feature = "jwt")]
    kinde [kinde]
    lemon_squeezy [lemon_squeezy]
    line [line]
    linear [linear]
    linkedin [linkedin]
    liveblocks [liveblocks]
    #[cfg(feature = "jwt")]
    livekit [livekit]
    mailgun [mailgun]
    mercado_pago [mercado_pago]
    #[cfg(feature = "jwt")]
    messagebird [messagebird]
    messagebird_legacy [messagebird_legacy]
    meta [meta]
    microsoft_graph [microsoft_graph]
    mollie [mollie]
    moralis [moralis]
    mux [mux]
    #[cfg(feature = "jwt")]
    netlify [netlify]
    notion [notion]
    okta [okta]
    onfido [onfido]
    openai [openai]
    paddle [paddle]
    pagbank [pagbank]
    pagerduty [pagerduty]
    #[cfg(feature = "asymmetric")]
    paypal [paypal]
    paystack [paystack]
    #[cfg(feature = "jwt")]
    plaid [plaid]
    plivo_v2 [plivo_v2]
    plivo_v3 [plivo_v3]
    polar [polar]
    pusher [pusher]
    pusher_beams [pusher_beams]
    qi_tech [qi_tech]
    qonto [qonto]
    quicknode [quicknode]
    razorpay [razorpay]
    replicate [replicate]
    resend [resend]
    revolut [revolut]
    sanity [sanity]
    segment [segment]
    #[cfg(feature = "asymmetric")]
    sendgrid [sendgrid]
    sentry [sentry]
    shopify_events [shopify_events]
    #[cfg(feature = "asymmetric")]
    sns [sns]
    square [square]
    #[cfg(feature = "asymmetric")]
    standard_webhooks_v1a [standard_webhooks_v1a]
    #[cfg(feature = "asymmetric")]
    stark_bank [stark_bank]
    sumsub [sumsub]
    svix [svix]
    telegram [telegram]
    #[cfg(feature = "asymmetric")]
    telnyx [telnyx]
    transfeera [transfeera]
    #[cfg(feature = "asymmetric")]
    travis [travis]
    trello [trello]
    #[cfg(feature = "jwt")]
    truelayer [truelayer]
    twilio [twilio, twilio_shared_key]
    twitch [twitch]
    typeform [typeform]
    vercel [vercel]
    viber [viber]
    #[cfg(feature = "jwt")]
    vonage [vonage]
    webflow [webflow]
    #[cfg(feature = "asymmetric")]
    wise [wise]
    woovi [woovi]
    #[cfg(feature = "asymmetric")]
    woovi_rsa [woovi_rsa]
    workos [workos]
    x [x]
    xero [xero]
    zoom [zoom]
}

/// Every sender of the `senders` feature, sorted by name.
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
