//! Our server: the handler alone, and behind the layer that verifies, for each sender.

use axum::Router;
use axum::routing::post;
use tower_webhook::layer::{EndpointConfig, VerifySignatureLayer};
use tower_webhook::provider::{self, github, standard_webhooks, stripe};
use tower_webhook::{Name, Provider};

use crate::common::Result;
use crate::deliveries::Sender;
use crate::handler::read_body;

pub(crate) fn app() -> Result<Router> {
    let mut app = Router::new().route("/nothing", post(read_body));
    for sender in Sender::ALL {
        let provider = provider(sender)?;
        let endpoint = EndpointConfig::new(provider.name().clone(), provider.contract().clone());
        let verifier = provider.verifier().ok_or("it signs")?.clone();
        let layer = VerifySignatureLayer::new(&endpoint, verifier);
        app = app.route(sender.path(), post(read_body).layer(layer));
    }
    Ok(app)
}

fn provider(sender: Sender) -> Result<Provider> {
    let secrets = [sender.secret()];
    Ok(match sender {
        Sender::Stripe => provider::stripe(stripe::keys(secrets)?),
        Sender::Svix => {
            let keys = standard_webhooks::keys(secrets)?;
            provider::standard_webhooks(Name::new("acme")?, keys)
        }
        Sender::GitHub => provider::github(github::keys(secrets)?),
    })
}
