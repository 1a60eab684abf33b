//! Why a sandbox was refused a host, and how a connection it was granted ended: closed lists, fit for a metric's label.

use http::StatusCode;

/// Why a host was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Refused {
    /// What was asked for is no `NAME:PORT`.
    BadTarget,
    /// It was asked for in another way than by CONNECT.
    NotHttps,
    /// The policy does not have it.
    NotGranted,
    /// The sandbox has too many connections.
    TooManyConnections,
    /// The sandbox has sent and received all it may.
    BytesUsedUp,
    /// The name has no address.
    UnknownHost,
    /// All its addresses are closed.
    ForbiddenAddress,
    /// It does not answer.
    Unreachable,
    /// The sandbox said nothing after it was connected, or left.
    NoHello,
    /// What it said is not TLS.
    NotTls,
    /// It named no server.
    NoServerName,
    /// It named another server.
    OtherServerName,
    /// The sandbox or the server is at its end.
    Ending,
}

/// How a connection ended that was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ended {
    /// One side closed it.
    Closed,
    /// It broke.
    Broken,
    /// Nothing went through it for too long.
    Idle,
    /// It lasted too long.
    TooLong,
    /// The sandbox has sent and received all it may.
    BytesUsedUp,
    /// The sandbox or the server is at its end.
    Ending,
    /// The provider was to fetch from it for the sandbox; the gateway does not see that connection.
    ByProvider,
}

impl Refused {
    /// Its word in events, in the audit and in metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::BadTarget => "bad_target",
            Self::NotHttps => "not_https",
            Self::NotGranted => "not_granted",
            Self::TooManyConnections => "too_many_connections",
            Self::BytesUsedUp => "bytes_used_up",
            Self::UnknownHost => "unknown_host",
            Self::ForbiddenAddress => "forbidden_address",
            Self::Unreachable => "unreachable",
            Self::NoHello => "no_hello",
            Self::NotTls => "not_tls",
            Self::NoServerName => "no_server_name",
            Self::OtherServerName => "other_server_name",
            Self::Ending => "ending",
        }
    }

    /// What it is answered with. The last few come after a connection was answered already.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::BadTarget => StatusCode::BAD_REQUEST,
            Self::NotHttps => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooManyConnections | Self::Ending => StatusCode::SERVICE_UNAVAILABLE,
            Self::UnknownHost | Self::Unreachable => StatusCode::BAD_GATEWAY,
            _ => StatusCode::FORBIDDEN,
        }
    }
}

impl Ended {
    /// Its word in events and in the audit.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Broken => "broken",
            Self::Idle => "idle_timeout",
            Self::TooLong => "connection_timeout",
            Self::BytesUsedUp => "bytes_used_up",
            Self::Ending => "ending",
            Self::ByProvider => "fetched_by_provider",
        }
    }
}
