use super::super::{asana, notion};
use crate::challenge::{Challenge, Handshake};
use crate::provider::Provider;
use crate::secret::KeyRing;
use crate::store::MemoryStore;
use crate::webhook::Webhook;

fn handshake() -> Handshake {
    Handshake::new(KeyRing::empty(), |_: &str| Ok::<_, std::io::Error>(()))
}

/// While the secret is awaited nothing is proved, so a handshake must not bypass another proof.
#[test]
fn a_handshake_stands_beside_no_other_proof() {
    for sender in [
        asana::by_handshake(handshake()),
        notion::by_handshake(handshake()),
    ] {
        let another = sender.verifier().unwrap().clone();
        let built = |sender| Webhook::new(sender).store(MemoryStore::new()).build();
        let (name, rule) = (sender.name().clone(), sender.rule().clone());
        let alone = Provider::proved_by(name, another.clone(), rule, sender.contract().clone())
            .challenge(Challenge::secret_in_header("x-secret", handshake()));
        assert!(built(sender.clone()).is_ok() && built(alone.clone()).is_ok());
        for both in [sender, alone] {
            let error = built(both.and_proved_by(another.clone())).unwrap_err();
            assert!(error.to_string().contains("a handshake"), "{error}");
        }
    }
}

/// For any name of the header or member that brings a secret.
#[test]
fn what_a_handshake_brings_is_masked() {
    let sender = asana(KeyRing::empty())
        .challenge(Challenge::secret_in_header("X-Hello", handshake()))
        .challenge(Challenge::secret_in_body("/hello", handshake()));
    let masks = sender.masks();
    assert_eq!(masks.headers, ["x-hello"]);
    assert_eq!(masks.members, ["/hello"]);
    let webhook = Webhook::new(sender).store(MemoryStore::new());
    let layer = format!("{:?}", webhook.build().unwrap());
    assert!(
        layer.contains(r#"secret_headers: ["x-hook-signature", "x-hello"]"#),
        "{layer}"
    );
}
