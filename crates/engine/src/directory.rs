//! A store's directory and its `FORMAT` file, which says what the files beside it are.
//!
//! ```text
//! pegasus 2 partition 0-2047
//!         │ │         ╰ detail: must be the same at every open
//!         │ ╰ content
//!         ╰ format version
//! ```
//! The file is written last, after RocksDB has made its own: a directory with it is complete, one without it was never used.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// A directory about to be opened.
pub(crate) struct Format {
    dir: PathBuf,
    line: String,
    complete: bool,
}

/// Makes the directory, or checks that what is there is `content` in a format we know.
pub(crate) fn prepare(dir: &Path, content: &str) -> Result<Format, OpenError> {
    let file_error = |source| OpenError::File { dir: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(file_error)?;
    let line = line(content);
    let complete = match fs::read_to_string(dir.join(FORMAT)) {
        Ok(found) => {
            check(dir, &found, content)?;
            true
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => false,
        Err(e) => return Err(file_error(e)),
    };
    Ok(Format { dir: dir.to_owned(), line, complete })
}

/// Marks a directory that was filled by other means (a checkpoint) as complete.
pub(crate) fn mark(dir: &Path, content: &str) -> Result<(), io::Error> {
    write_synced(dir, &line(content))
}

impl Format {
    /// Whether the store was there before.
    pub(crate) fn complete(&self) -> bool {
        self.complete
    }

    /// Marks the store as complete, if it is new.
    pub(crate) fn finish(self) -> Result<(), OpenError> {
        if self.complete {
            return Ok(());
        }
        write_synced(&self.dir, &self.line).map_err(|source| OpenError::File { dir: self.dir, source })
    }
}

fn line(content: &str) -> String {
    format!("{MAGIC} {VERSION} {content}\n")
}

fn check(dir: &Path, found: &str, content: &str) -> Result<(), OpenError> {
    let dir = dir.to_owned();
    let damaged = || OpenError::Damaged { dir: dir.clone(), reason: format!("{FORMAT} reads {found:?}") };
    let mut words = found.trim_end().splitn(3, ' ');
    let (Some(MAGIC), Some(version), Some(rest)) = (words.next(), words.next(), words.next()) else { return Err(damaged()) };
    let version: u32 = version.parse().map_err(|_| damaged())?;
    if version != VERSION {
        return Err(OpenError::Version { dir, found: version, known: VERSION });
    }
    if rest != content {
        return Err(OpenError::OtherSlots { dir, found: rest.to_owned(), wanted: content.to_owned() });
    }
    Ok(())
}

/// Writes the file so that it is whole or absent after a loss of power, together with everything else in the directory's listing.
fn write_synced(dir: &Path, line: &str) -> Result<(), io::Error> {
    let temporary = dir.join("FORMAT.new");
    let mut file = File::create(&temporary)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(FORMAT))?;
    File::open(dir)?.sync_all()?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

const FORMAT: &str = "FORMAT";
const MAGIC: &str = "pegasus";
/// 1: what was written before lists and sorted sets were trees and sets had an index.
const VERSION: u32 = 2;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_directory_tells_what_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        let format = prepare(&path, "partition 0-9").unwrap();
        assert!(!format.complete());
        format.finish().unwrap();
        assert!(prepare(&path, "partition 0-9").unwrap().complete());
        assert!(matches!(prepare(&path, "partition 0-8"), Err(OpenError::OtherSlots { .. })));
        fs::write(path.join(FORMAT), "pegasus 1 whatever that is\n").unwrap();
        assert!(matches!(prepare(&path, "partition 0-9"), Err(OpenError::Version { found: 1, known: 2, .. })));
        fs::write(path.join(FORMAT), "pega").unwrap();
        assert!(matches!(prepare(&path, "partition 0-9"), Err(OpenError::Damaged { .. })));
    }
}
