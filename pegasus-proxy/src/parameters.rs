//! The parameters that `CONFIG` knows, under their names in redis.conf.
//!
//! Some of them do something (`LIVE` in the table); they are part of [`Settings`]. Tools and Redis' tests read and write many others: those
//! (`INERT`) are checked as Redis does, kept and echoed. The exception is what an application would rely on: keyspace notifications
//! cannot be turned on, because none would come.

use std::collections::BTreeMap;
use std::time::Duration;

use commands::glob::{self, Case};
use resp::number::parse_integer;
use types::limits::Limits;

use crate::errors;
use crate::parameters::table::{ALIASES, INERT, LIVE};
use crate::settings::{Options, OutputLimit, Settings};

mod table;

/// Parameters without effect whose value is not the default.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    changed: BTreeMap<&'static str, String>,
}

/// Name and value as a client gave them.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// What values a parameter takes.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// `yes` or `no`.
    YesNo,
    /// From, to.
    Integer(i64, i64),
    /// Bytes, `64mb` and the like understood.
    Memory,
    OneOf(&'static [&'static str]),
    Text,
    /// Cannot be changed while the server runs.
    Fixed,
}

use Kind::{Fixed, Integer, Memory, OneOf, Text, YesNo};

impl Parameters {
    /// Name and value of each parameter whose name matches one of `patterns`, by name.
    pub(crate) fn matching<'a>(
        &self,
        patterns: impl Iterator<Item = &'a [u8]> + Clone,
        options: &Options,
        settings: &Settings,
    ) -> Vec<(&'static str, String)> {
        let names = LIVE.iter().copied().chain(INERT.iter().map(|row| row.0)).chain(ALIASES.iter().map(|row| row.0));
        let mut found: Vec<_> = names
            .filter(|name| patterns.clone().any(|pattern| glob::matches(pattern, name.as_bytes(), Case::Ignored)))
            .map(|name| (name, self.value(canonical(name), options, settings)))
            .collect();
        found.sort_unstable();
        found
    }

    /// Sets all of `pairs`, or nothing. What has an effect becomes new settings.
    ///
    /// # Errors
    /// The error reply.
    pub(crate) fn set(&mut self, pairs: &[Pair<'_>], settings: &Settings) -> Result<Settings, String> {
        let mut settings = settings.clone();
        let mut changed = BTreeMap::new();
        let mut seen = Vec::new();
        for (name, value) in pairs {
            let given = String::from_utf8_lossy(name).to_ascii_lowercase();
            let failed = |why: &str| format!("ERR CONFIG SET failed (possibly related to argument '{given}') - {why}");
            let value = String::from_utf8_lossy(value);
            let name = canonical(&given);
            let live = LIVE.iter().find(|known| **known == name).copied();
            let inert = INERT.iter().find(|row| row.0 == name);
            let Some(known) = live.or(inert.map(|row| row.0)) else {
                return Err(format!("ERR Unknown option or number of arguments for CONFIG SET - '{given}'"));
            };
            if seen.contains(&known) {
                return Err(failed("duplicate parameter"));
            }
            seen.push(known);
            match inert {
                None => apply(&mut settings, known, &value).map_err(|why| failed(&why))?,
                Some((known, _, kind)) => {
                    changed.insert(*known, kind.check(&value).map_err(|why| failed(&why))?);
                }
            }
        }
        self.changed.append(&mut changed);
        Ok(settings)
    }

    fn value(&self, name: &str, options: &Options, settings: &Settings) -> String {
        if let Some(value) = live(name, options, settings) {
            return value;
        }
        let default = || INERT.iter().find(|row| row.0 == name).map_or("", |row| row.1).to_owned();
        self.changed.get(name).cloned().unwrap_or_else(default)
    }
}

impl Kind {
    /// The value as it is kept.
    fn check(self, value: &str) -> Result<String, String> {
        match self {
            YesNo if value.eq_ignore_ascii_case("yes") || value.eq_ignore_ascii_case("no") => Ok(value.to_ascii_lowercase()),
            YesNo => Err("argument must be 'yes' or 'no'".to_owned()),
            Integer(from, to) => integer(value, from, to).map(|value| value.to_string()),
            Memory => memory(value).map(|value| value.to_string()).ok_or_else(|| NOT_MEMORY.to_owned()),
            OneOf(words) => match words.iter().find(|word| word.eq_ignore_ascii_case(value)) {
                Some(word) => Ok((*word).to_owned()),
                None => Err(format!("argument(s) must be one of the following: {}", words.join(", "))),
            },
            Text => Ok(value.to_owned()),
            Fixed => Err(IMMUTABLE.to_owned()),
        }
    }
}

/// The value of a parameter that has an effect, or that the program decided.
fn live(name: &str, options: &Options, settings: &Settings) -> Option<String> {
    Some(match name {
        "bind" => options.bind.clone(),
        "client-output-buffer-limit" => {
            let OutputLimit { hard, soft, soft_time } = settings.output;
            format!("normal {hard} {soft} {} slave 268435456 67108864 60 pubsub 33554432 8388608 60", soft_time.as_secs())
        }
        "client-query-buffer-limit" => settings.request_max.to_string(),
        "databases" => options.databases.to_string(),
        "enable-debug-command" => if settings.debug { "yes" } else { "no" }.to_owned(),
        "maxclients" => settings.maxclients.to_string(),
        "notify-keyspace-events" => String::new(),
        "port" => options.port.to_string(),
        "proto-max-bulk-len" => settings.bulk_max.to_string(),
        "requirepass" => settings.requirepass.clone(),
        "tcp-keepalive" => settings.tcp_keepalive.as_secs().to_string(),
        "timeout" => settings.timeout.as_secs().to_string(),
        "list-max-listpack-size" => settings.layouts.list_size.to_string(),
        _ => return layout(&mut settings.layouts.clone(), name).map(|bound| bound.to_string()),
    })
}

/// The bound that a parameter about layouts is: a number of entries or of bytes, either of which redis.conf writes as bytes.
fn layout<'a>(layouts: &'a mut Limits, name: &str) -> Option<&'a mut u32> {
    Some(match name {
        "hash-max-listpack-entries" => &mut layouts.hash_entries,
        "hash-max-listpack-value" => &mut layouts.hash_value,
        "hll-sparse-max-bytes" => &mut layouts.hll_sparse_bytes,
        "set-max-intset-entries" => &mut layouts.set_intset_entries,
        "set-max-listpack-entries" => &mut layouts.set_entries,
        "set-max-listpack-value" => &mut layouts.set_value,
        "stream-node-max-bytes" => &mut layouts.stream_node_bytes,
        "stream-node-max-entries" => &mut layouts.stream_node_entries,
        "zset-max-listpack-entries" => &mut layouts.zset_entries,
        "zset-max-listpack-value" => &mut layouts.zset_value,
        _ => return None,
    })
}

/// Changes the setting that parameter `name` of [`LIVE`] stands for.
fn apply(settings: &mut Settings, name: &str, value: &str) -> Result<(), String> {
    let seconds = |value| integer(value, 0, INT_MAX).map(|seconds| Duration::from_secs(seconds.unsigned_abs()));
    let bytes = |value, to| {
        let bytes = memory(value).ok_or_else(|| NOT_MEMORY.to_owned())?;
        if (BYTES_MIN..=to).contains(&bytes) { Ok(bytes) } else { Err(out_of_range(BYTES_MIN as i64, to as i64)) }
    };
    match name {
        "client-output-buffer-limit" => settings.output = output_limit(value, settings.output)?,
        "client-query-buffer-limit" => settings.request_max = bytes(value, usize::MAX >> 1)?,
        "maxclients" => settings.maxclients = integer(value, 1, i64::from(u32::MAX))?.unsigned_abs() as usize,
        "notify-keyspace-events" if value.is_empty() => {}
        "notify-keyspace-events" => return Err("keyspace notifications are not supported".to_owned()),
        "proto-max-bulk-len" => settings.bulk_max = bytes(value, BULK_MAX)?,
        "requirepass" => value.clone_into(&mut settings.requirepass),
        "tcp-keepalive" => settings.tcp_keepalive = seconds(value)?,
        "timeout" => settings.timeout = seconds(value)?,
        "list-max-listpack-size" => {
            let size = integer(value, i64::from(i32::MIN), INT_MAX)?;
            settings.layouts.list_size = i32::try_from(size).unwrap_or(i32::MAX);
        }
        name if layout(&mut settings.layouts, name).is_some() => {
            let bound = memory(value).ok_or_else(|| NOT_MEMORY.to_owned())?;
            let bound = u32::try_from(bound).map_err(|_| out_of_range(0, i64::from(u32::MAX)))?;
            if let Some(field) = layout(&mut settings.layouts, name) {
                *field = bound;
            }
        }
        _ => return Err(IMMUTABLE.to_owned()),
    }
    Ok(())
}

/// `normal 0 0 0 replica 256mb 64mb 60`: what is not named stays. Only `normal` means anything here.
fn output_limit(value: &str, mut limit: OutputLimit) -> Result<OutputLimit, String> {
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    if words.is_empty() || !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    for class in words.chunks(4) {
        if !["normal", "slave", "replica", "pubsub"].iter().any(|known| known.eq_ignore_ascii_case(class[0])) {
            return Err("Invalid client class specified in buffer limit configuration.".to_owned());
        }
        let parsed = (memory(class[1]), memory(class[2]), class[3].parse().ok().map(Duration::from_secs));
        let (Some(hard), Some(soft), Some(soft_time)) = parsed else {
            return Err("Error in hard, soft or soft_seconds setting in buffer limit configuration.".to_owned());
        };
        if class[0].eq_ignore_ascii_case("normal") {
            limit = OutputLimit { hard, soft, soft_time };
        }
    }
    Ok(limit)
}

fn integer(value: &str, from: i64, to: i64) -> Result<i64, String> {
    let value = parse_integer(value.as_bytes()).ok_or("argument couldn't be parsed into an integer")?;
    if (from..=to).contains(&value) { Ok(value) } else { Err(out_of_range(from, to)) }
}

fn out_of_range(from: i64, to: i64) -> String {
    format!("argument must be between {from} and {to} inclusive")
}

/// A number of bytes with an optional unit, as redis.conf has them.
fn memory(value: &str) -> Option<usize> {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = value.split_at(digits);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(factor)
}

/// The name under which the value of a parameter is kept.
fn canonical(name: &str) -> &str {
    ALIASES.iter().find(|row| row.0 == name).map_or(name, |row| row.1)
}

/// `CONFIG SET` with an odd number of arguments, or a name without its value.
pub(crate) fn pairs<'a>(args: &[&'a [u8]]) -> Result<Vec<Pair<'a>>, &'static str> {
    if args.is_empty() || !args.len().is_multiple_of(2) {
        return Err(errors::SYNTAX);
    }
    Ok(args.chunks(2).map(|pair| (pair[0], pair[1])).collect())
}

const NOT_MEMORY: &str = "argument must be a memory value";
const IMMUTABLE: &str = "can't set immutable config";
const INT_MAX: i64 = i32::MAX as i64;
/// Redis' lower bound of both parameters about requests.
const BYTES_MIN: usize = 1 << 20;
/// Redis' own limit of a string.
const BULK_MAX: usize = 512 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn set(parameters: &mut Parameters, text: &str) -> Result<Settings, String> {
        let words: Vec<&[u8]> = text.split(' ').map(|word| word.trim_matches('"').as_bytes()).collect();
        parameters.set(&pairs(&words).expect("pairs"), &Settings::default())
    }

    fn get(parameters: &Parameters, pattern: &str, settings: &Settings) -> Vec<(&'static str, String)> {
        parameters.matching([pattern.as_bytes()].into_iter(), &Options::default(), settings)
    }

    #[test]
    fn what_has_an_effect_becomes_settings() {
        let mut p = Parameters::default();
        let settings = set(&mut p, "timeout 7 MAXCLIENTS 5 proto-max-bulk-len 2mb requirepass x").expect("valid");
        assert_eq!((settings.timeout, settings.maxclients, settings.bulk_max), (Duration::from_secs(7), 5, 2 << 20));
        assert_eq!(get(&p, "timeout", &settings), [("timeout", "7".to_owned())]);
    }

    #[test]
    fn what_has_none_is_checked_and_echoed_under_both_names() {
        let mut p = Parameters::default();
        let settings = set(&mut p, "hash-max-ziplist-entries 1kb appendonly YES").expect("valid");
        assert_eq!(settings.call_limits(3), Limits { hash_entries: 1024, databases: 3, ..Limits::DEFAULT });
        let found = get(&p, "hash-max-*-entries", &settings);
        let both = ["hash-max-listpack-entries", "hash-max-ziplist-entries"].map(|name| (name, "1024".to_owned()));
        assert_eq!(found, both);
        assert_eq!(get(&p, "appendonly", &settings)[0].1, "yes");
    }

    #[test]
    fn mistakes_are_told_in_redis_words_and_change_nothing() {
        let related = |name: &str, why: &str| format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}");
        let cases = [
            ("foo bar", "ERR Unknown option or number of arguments for CONFIG SET - 'foo'".to_owned()),
            ("hz 20 maxclients abc", related("maxclients", "argument couldn't be parsed into an integer")),
            ("maxclients 0", related("maxclients", "argument must be between 1 and 4294967295 inclusive")),
            ("hz 20 hz 10", related("hz", "duplicate parameter")),
            ("activedefrag 7", related("activedefrag", "argument must be 'yes' or 'no'")),
            ("maxmemory 7u", related("maxmemory", "argument must be a memory value")),
            ("loglevel x", related("loglevel", "argument(s) must be one of the following: debug, verbose, notice, warning")),
            ("databases 7", related("databases", "can't set immutable config")),
            ("cluster-enabled yes", related("cluster-enabled", "can't set immutable config")),
            ("notify-keyspace-events KEA", related("notify-keyspace-events", "keyspace notifications are not supported")),
            (
                "client-output-buffer-limit x",
                related("client-output-buffer-limit", "Wrong number of arguments in buffer limit configuration."),
            ),
        ];
        for (text, error) in cases {
            let mut p = Parameters::default();
            assert_eq!(set(&mut p, text), Err(error), "{text}");
            assert_eq!(get(&p, "hz", &Settings::default())[0].1, "10");
        }
    }

    #[test]
    fn every_parameter_that_can_be_set_takes_its_own_value() {
        let mut p = Parameters::default();
        let settings = Settings::default();
        let all = get(&p, "*", &settings);
        assert!(all.len() > 150 && all.is_sorted(), "{}", all.len());
        for (name, value) in all {
            match p.set(&[(name.as_bytes(), value.as_bytes())], &settings) {
                Ok(after) => assert_eq!(after, settings, "{name}"),
                Err(error) => assert!(error.ends_with(IMMUTABLE), "{error}"),
            }
        }
    }
}
