//! The words that Redis has for groups, flags and categories of commands.

/// Groups of Redis' documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Strings as rows of bits.
    Bitmap,
    /// Sessions and their settings.
    Connection,
    /// Keys of any type.
    Generic,
    /// Places on the earth, in sorted sets.
    Geo,
    /// Maps of fields.
    Hash,
    /// Estimates of cardinality, in strings.
    HyperLogLog,
    /// Lists.
    List,
    /// The server.
    Server,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Streams.
    Stream,
    /// Strings.
    String,
}

/// Properties of a command, in the order in which Redis lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// May change data.
    Write,
    /// Reads data.
    ReadOnly,
    /// Refused when memory (here: the disk) is full.
    DenyOom,
    /// For administrators.
    Admin,
    /// Not for scripts.
    NoScript,
    /// May wait.
    Blocking,
    /// Allowed while data is being loaded.
    Loading,
    /// Allowed where the data may be stale.
    Stale,
    /// Takes constant or logarithmic time.
    Fast,
    /// Its key specs do not tell all its keys as numbers of arguments.
    MovableKeys,
    /// Allowed before `AUTH`.
    NoAuth,
    /// Allowed while a script runs for too long.
    AllowBusy,
}

/// ACL categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// `@keyspace`
    Keyspace,
    /// `@read`
    Read,
    /// `@write`
    Write,
    /// `@set`
    Set,
    /// `@sortedset`
    SortedSet,
    /// `@list`
    List,
    /// `@hash`
    Hash,
    /// `@string`
    String,
    /// `@bitmap`
    Bitmap,
    /// `@hyperloglog`
    HyperLogLog,
    /// `@geo`
    Geo,
    /// `@stream`
    Stream,
    /// `@admin`
    Admin,
    /// `@fast`
    Fast,
    /// `@slow`
    Slow,
    /// `@blocking`
    Blocking,
    /// `@dangerous`
    Dangerous,
    /// `@connection`
    Connection,
}

impl Group {
    /// Redis' word for it.
    pub fn name(self) -> &'static str {
        match self {
            Group::Bitmap => "bitmap",
            Group::Connection => "connection",
            Group::Generic => "generic",
            Group::Geo => "geo",
            Group::Hash => "hash",
            Group::HyperLogLog => "hyperloglog",
            Group::List => "list",
            Group::Server => "server",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Stream => "stream",
            Group::String => "string",
        }
    }
}

impl Flag {
    /// All of them, in Redis' order.
    pub const ALL: [Flag; 12] = [
        Flag::Write,
        Flag::ReadOnly,
        Flag::DenyOom,
        Flag::Admin,
        Flag::NoScript,
        Flag::Blocking,
        Flag::Loading,
        Flag::Stale,
        Flag::Fast,
        Flag::NoAuth,
        Flag::MovableKeys,
        Flag::AllowBusy,
    ];

    /// Redis' word for it.
    pub fn name(self) -> &'static str {
        match self {
            Flag::Write => "write",
            Flag::ReadOnly => "readonly",
            Flag::DenyOom => "denyoom",
            Flag::Admin => "admin",
            Flag::NoScript => "noscript",
            Flag::Blocking => "blocking",
            Flag::Loading => "loading",
            Flag::Stale => "stale",
            Flag::Fast => "fast",
            Flag::MovableKeys => "movablekeys",
            Flag::NoAuth => "no_auth",
            Flag::AllowBusy => "allow_busy",
        }
    }
}

impl Category {
    /// All of them, in Redis' order.
    pub const ALL: [Category; 18] = [
        Category::Keyspace,
        Category::Read,
        Category::Write,
        Category::Set,
        Category::SortedSet,
        Category::List,
        Category::Hash,
        Category::String,
        Category::Bitmap,
        Category::HyperLogLog,
        Category::Geo,
        Category::Stream,
        Category::Admin,
        Category::Fast,
        Category::Slow,
        Category::Blocking,
        Category::Dangerous,
        Category::Connection,
    ];

    /// The category of this name (without `@`), in any case.
    pub fn named(name: &[u8]) -> Option<Category> {
        Category::ALL.into_iter().find(|category| category.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Redis' word for it, without the `@`.
    pub fn name(self) -> &'static str {
        match self {
            Category::Keyspace => "keyspace",
            Category::Read => "read",
            Category::Write => "write",
            Category::Set => "set",
            Category::SortedSet => "sortedset",
            Category::List => "list",
            Category::Hash => "hash",
            Category::String => "string",
            Category::Bitmap => "bitmap",
            Category::HyperLogLog => "hyperloglog",
            Category::Geo => "geo",
            Category::Stream => "stream",
            Category::Admin => "admin",
            Category::Fast => "fast",
            Category::Slow => "slow",
            Category::Blocking => "blocking",
            Category::Dangerous => "dangerous",
            Category::Connection => "connection",
        }
    }
}
