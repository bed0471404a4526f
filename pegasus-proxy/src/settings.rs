//! What the proxy can be told: at its start ([`Options`]), and while it runs by `CONFIG SET` ([`Settings`]).

use std::time::Duration;

use resp::scan::Limits;

/// How a proxy starts.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address it is told to listen on, for `INFO` and `CONFIG GET`; the listener is handed in.
    pub bind: String,
    /// The port, likewise.
    pub port: u16,
    /// Random: session numbers are made of it, which have to be unique over all proxies.
    pub seed: u64,
    /// Our own version, for `INFO`.
    pub version: String,
    /// Number of logical databases.
    pub databases: u16,
    /// What can be changed later.
    pub settings: Settings,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            bind: "127.0.0.1".to_owned(),
            port: 6379,
            seed: 0,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            databases: 16,
            settings: Settings::default(),
        }
    }
}

/// What `CONFIG SET` changes with an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Password of the default user; empty: none is needed. Sessions that are there stay as they are.
    pub requirepass: String,
    /// Connections at once.
    pub maxclients: usize,
    /// A connection that is silent for so long is closed; zero: never.
    pub timeout: Duration,
    /// Idle time after which TCP probes the client; zero: never.
    pub tcp_keepalive: Duration,
    /// Longest argument: `proto-max-bulk-len`.
    pub bulk_max: usize,
    /// Where collections change their layout: `hash-max-listpack-entries` and its relatives. Its `value_max` is not used, see `bulk_max`.
    pub layouts: types::limits::Limits,
    /// Longest request: `client-query-buffer-limit`.
    pub request_max: usize,
    /// Replies that may wait for a client, `client-output-buffer-limit normal`.
    pub output: OutputLimit,
    /// Whether `DEBUG` is allowed. Not changeable by clients.
    pub debug: bool,
}

/// When a client that does not read is closed; zeros: never. The rest of `client-output-buffer-limit` is for other kinds of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputLimit {
    /// More bytes than this: at once.
    pub hard: usize,
    /// More than this ...
    pub soft: usize,
    /// ... for so long.
    pub soft_time: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            requirepass: String::new(),
            maxclients: 10_000,
            timeout: Duration::ZERO,
            tcp_keepalive: Duration::from_secs(300),
            bulk_max: 512 << 20,
            layouts: types::limits::Limits::DEFAULT,
            request_max: 1 << 30,
            output: OutputLimit::default(),
            debug: false,
        }
    }
}

impl Settings {
    /// What a session's scanner may accept.
    pub(crate) fn limits(&self, authenticated: bool) -> Limits {
        Limits { bulk_max: self.bulk_max, request_max: self.request_max, authenticated, ..Limits::default() }
    }

    /// What calls to partitions carry, in a proxy with so many logical databases.
    pub(crate) fn call_limits(&self, databases: u16) -> types::limits::Limits {
        types::limits::Limits { value_max: self.bulk_max as u64, databases, ..self.layouts }
    }

    /// Whether this is the password. Takes the same time for every wrong one of the same length.
    pub(crate) fn is_password(&self, password: &[u8]) -> bool {
        let ours = self.requirepass.as_bytes();
        let difference = ours.iter().zip(password).fold(0, |difference, (a, b)| difference | (a ^ b));
        ours.len() == password.len() && std::hint::black_box(difference) == 0
    }
}
