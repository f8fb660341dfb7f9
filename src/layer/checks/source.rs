use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderName;

use crate::authenticated::{Coverage, Proved};
use crate::clock::{Clock, UnixTime};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::layer::peer::PeerSource;
use crate::layer::resolver::Resolver;
use crate::prove::{NotProved, ProofHead, Prove, ProveBody};
use crate::reason::Reason;
use crate::rejection_cause::RejectionCause;
use crate::source::{Admission, Allowlist, TrustedProxies};

/// Demands that the client's address is on an allowlist.
#[derive(Debug, Clone)]
pub(crate) struct SourceGate {
    allowlist: Allowlist,
    resolver: Resolver,
    clock: Arc<dyn Clock>,
    pub(crate) proxies: TrustedProxies,
    pub(crate) peer: PeerSource,
}

impl SourceGate {
    pub(crate) fn new(allowlist: Allowlist, clock: &Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let resolver = Resolver::default();
        let clock = Arc::clone(clock);
        if !resolver.start(&allowlist, &clock) && !allowlist.hosts().is_empty() {
            return Err(ConfigError::new(
                ConfigErrorKind::Allowlist,
                "holds host names, which are resolved in a Tokio runtime: build it inside one",
            ));
        }
        Ok(Self {
            allowlist,
            resolver,
            clock,
            proxies: TrustedProxies::none(),
            peer: PeerSource::Extension,
        })
    }

    pub(crate) fn allowlist(&self) -> &Allowlist {
        &self.allowlist
    }
}

/// An address on the allowlist: it proves everything, whatever the body is.
pub(crate) struct AllowedAddress(pub(crate) IpAddr);

impl ProveBody for AllowedAddress {
    fn body(self, _: &[u8], _: UnixTime) -> Result<Proved, NotProved> {
        Ok(Proved::new())
    }
}

impl Prove for SourceGate {
    type Body = AllowedAddress;

    fn covers(&self) -> Coverage {
        Coverage::Connection
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        Vec::new()
    }

    fn head(&self, head: &ProofHead<'_>) -> Result<AllowedAddress, NotProved> {
        let peer = self.peer.find(head.extensions()).ok_or_else(|| {
            RejectionCause::because(
                Reason::SourceFault,
                "no client address: serve with into_make_service_with_connect_info::<SocketAddr>(), \
                 or insert PeerAddr",
            )
        })?;
        let client = (self.proxies.client_address(peer, head.request().headers()))
            .map_err(|error| RejectionCause::from(error).of_client(peer))?;
        let cause = match self.allowlist.check_at(client, || head.now()) {
            Admission::Allowed => return Ok(AllowedAddress(client)),
            Admission::Refused => RejectionCause::because(
                Reason::SourceRefused,
                "the address is not on the allowlist",
            ),
            Admission::Unresolved => {
                // `replace` may have added the names, to a layer built outside any runtime.
                self.resolver.start(&self.allowlist, &self.clock);
                self.resolver.hurry();
                RejectionCause::because(
                    Reason::SourceUnresolved,
                    "the address is not on the allowlist, and a host name or feed of it is not known now",
                )
            }
        };
        Err(cause.of_client(client).into())
    }
}
