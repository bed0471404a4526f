//! The keeper: a thread that has the next segment ready before it is needed, and removes the ones nobody needs.
//!
//! A segment is made by filling it with zeros (an fdatasync into written blocks takes 0.13 ms here, one that has to allocate them
//! 0.18-0.20 ms), or by taking an old one as it is: what stands in it never looks valid in a segment with another number. Nothing is made
//! before the active segment is half full, so that trimming gets a chance to provide it for free.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};
use tracing::warn;

use crate::disk::{Disk, DiskFile, is_no_space, write_all};
use crate::format::segment_name;
use crate::shared::Shared;

/// A file that is ready to become a segment.
pub(crate) struct Spare {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) name: String,
    pub(crate) capacity: u64,
}

/// Where the keeper finds its orders and leaves its work.
#[derive(Default)]
pub(crate) struct Desk {
    orders: Mutex<Orders>,
    /// The keeper waits here.
    ordered: Condvar,
    /// Who needs a spare waits here.
    delivered: Condvar,
    /// Spares made so far: each has a name of its own, so that none is ever taken for another.
    made: AtomicU64,
}

#[derive(Default)]
struct Orders {
    spare: Option<Spare>,
    /// Capacity of the spare that is to be made.
    wanted: Option<u64>,
    /// Why the last attempt to make one failed.
    failed: Option<io::Error>,
    /// Making a spare failed for want of space, and none has been made since.
    no_space: bool,
    /// To be removed, oldest first.
    removable: Vec<u64>,
    stop: bool,
}

impl Desk {
    /// Asks for a spare, without waiting for it.
    pub(crate) fn order(&self, capacity: u64) {
        let mut orders = self.orders.lock();
        if orders.spare.is_none() && orders.wanted.is_none() {
            orders.wanted = Some(capacity);
            self.ordered.notify_one();
        }
    }

    /// Takes a spare of at least this capacity if there is one.
    fn try_take(&self, capacity: u64) -> Option<Spare> {
        self.orders.lock().spare.take_if(|spare| spare.capacity >= capacity)
    }

    /// Takes a spare of at least this capacity; makes the keeper make one and waits if there is none.
    pub(crate) fn take(&self, capacity: u64) -> io::Result<Spare> {
        let mut orders = self.orders.lock();
        loop {
            if let Some(spare) = orders.spare.take_if(|spare| spare.capacity >= capacity) {
                return Ok(spare);
            }
            if orders.stop {
                return Err(io::ErrorKind::Interrupted.into());
            }
            // A smaller one may be in the making already, and is no answer to this.
            let wanted = orders.wanted.unwrap_or(0).max(capacity);
            orders.wanted = Some(wanted);
            orders.failed = None;
            self.ordered.notify_one();
            self.delivered.wait(&mut orders);
            if let Some(error) = orders.failed.take() {
                return Err(error);
            }
        }
    }

    /// Asks for removal of segments that are off the books.
    pub(crate) fn remove(&self, segments: Vec<u64>) {
        self.orders.lock().removable.extend(segments);
        self.ordered.notify_one();
    }

    /// Whether the disk was too full for the last spare.
    pub(crate) fn no_space(&self) -> bool {
        self.orders.lock().no_space
    }

    /// Ends the keeper.
    pub(crate) fn stop(&self) {
        self.orders.lock().stop = true;
        self.ordered.notify_one();
        self.delivered.notify_all();
    }

    /// Puts a spare on the desk; returns one that nobody needs: the one that lay there, or this one if it is not larger.
    fn put(&self, spare: Spare) -> Option<Spare> {
        let mut orders = self.orders.lock();
        orders.no_space = false;
        if orders.wanted.is_some_and(|wanted| wanted <= spare.capacity) {
            orders.wanted = None;
        }
        let needless = if orders.spare.as_ref().is_some_and(|lying| lying.capacity >= spare.capacity) {
            Some(spare)
        } else {
            orders.spare.replace(spare)
        };
        self.delivered.notify_all();
        needless
    }

    /// Tells who waits that no spare of this capacity could be made.
    fn fail(&self, capacity: u64, error: io::Error) {
        let mut orders = self.orders.lock();
        if orders.wanted.is_some_and(|wanted| wanted <= capacity) {
            orders.wanted = None;
        }
        if is_no_space(&error) && !orders.no_space {
            warn!(%error, "no space for the next segment of the log");
        }
        orders.no_space = is_no_space(&error);
        orders.failed = Some(error);
        self.delivered.notify_all();
    }

    /// Whether there is no spare.
    fn lacks_spare(&self) -> bool {
        self.orders.lock().spare.is_none()
    }

    fn next_name(&self) -> String {
        format!("{:x}{SPARE_SUFFIX}", self.made.fetch_add(1, Ordering::Relaxed))
    }
}

/// Body of the keeper's thread. A wanted spare goes before removals, but for the one that becomes it: somebody may be waiting.
pub(crate) fn run(shared: &Shared) {
    let _gone = Gone(shared);
    let mut removable = VecDeque::new();
    loop {
        let (wanted, taken) = {
            let mut orders = shared.desk.orders.lock();
            while orders.wanted.is_none() && orders.removable.is_empty() && !orders.stop && removable.is_empty() {
                shared.desk.ordered.wait(&mut orders);
            }
            if orders.stop {
                return;
            }
            (orders.wanted, std::mem::take(&mut orders.removable))
        };
        work(shared, &mut removable, wanted, taken);
    }
}

fn work(shared: &Shared, removable: &mut VecDeque<u64>, wanted: Option<u64>, taken: Vec<u64>) {
    if let Some(&last) = taken.last()
        && note_removal(shared, last)
    {
        removable.extend(taken);
    }
    match (removable.pop_front(), wanted) {
        (Some(segment), _) => retire(shared, segment),
        (None, Some(capacity)) => deliver(shared, capacity),
        (None, None) => {}
    }
}

/// Does what is on the desk, on a log whose keeper is no thread.
pub(crate) fn work_off(shared: &Shared) {
    let mut removable = VecDeque::new();
    loop {
        let (wanted, taken) = {
            let mut orders = shared.desk.orders.lock();
            (orders.wanted, std::mem::take(&mut orders.removable))
        };
        if wanted.is_none() && taken.is_empty() && removable.is_empty() {
            return;
        }
        work(shared, &mut removable, wanted, taken);
    }
}

/// As [`Desk::take`], on a log whose keeper is no thread.
pub(crate) fn take_now(shared: &Shared, capacity: u64) -> io::Result<Spare> {
    match shared.desk.try_take(capacity) {
        Some(spare) => Ok(spare),
        None => make_spare(&*shared.disk, capacity, shared.desk.next_name()),
    }
}

/// Whoever waits for a keeper that is gone hears of it.
struct Gone<'a>(&'a Shared);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.desk.stop();
    }
}

/// Makes a spare and puts it on the desk.
fn deliver(shared: &Shared, capacity: u64) {
    match make_spare(&*shared.disk, capacity, shared.desk.next_name()) {
        Ok(spare) => {
            if let Some(needless) = shared.desk.put(spare) {
                discard(&*shared.disk, &needless.name);
            }
        }
        Err(error) => {
            if !is_no_space(&error) {
                shared.poison("make a segment", &error);
            }
            shared.desk.fail(capacity, error);
        }
    }
}

/// Makes a file of zeros, wholly allocated. If that fails nothing of it stays.
pub(crate) fn make_spare(disk: &dyn Disk, capacity: u64, name: String) -> io::Result<Spare> {
    let file = disk.create(&name)?;
    match fill(&*file, capacity) {
        Ok(()) => Ok(Spare { file, name, capacity }),
        Err(error) => {
            discard(disk, &name);
            Err(error)
        }
    }
}

/// Removes a spare. If that fails the next open will do it.
pub(crate) fn discard(disk: &dyn Disk, name: &str) {
    if let Err(error) = disk.remove(name) {
        warn!(%error, name, "remove a spare segment of the log");
    }
}

fn fill(file: &dyn DiskFile, capacity: u64) -> io::Result<()> {
    // Asks first: a disk that is nearly full is not filled to the brim only to find out.
    file.reserve(capacity)?;
    let zeros = vec![0; FILL_BYTES];
    let mut position = 0;
    while position < capacity {
        let bytes = (capacity - position).min(FILL_BYTES as u64);
        write_all(file, position, &zeros[..bytes as usize])?;
        position += bytes;
    }
    file.sync()
}

/// Notes durably that no open shall ask for segments through `last` any more; without that none is removed.
fn note_removal(shared: &Shared, last: u64) -> bool {
    if shared.is_poisoned() {
        return false;
    }
    let (noted, file) = {
        let mut mark = shared.mark.lock();
        (mark.remove_before(last + 1), mark.file())
    };
    noted.and_then(|()| file.sync()).inspect_err(|error| shared.poison("note removed segments", error)).is_ok()
}

/// Makes a segment that is off the books the next spare if one is lacking, and removes it otherwise.
fn retire(shared: &Shared, segment: u64) {
    if let Err(error) = reuse(shared, &segment_name(segment)) {
        // The next open removes it.
        warn!(%error, segment, "remove a segment of the log");
    }
}

fn reuse(shared: &Shared, segment: &str) -> io::Result<()> {
    let file = shared.disk.open(segment)?;
    if file.len()? != shared.options.segment_bytes || !shared.desk.lacks_spare() {
        return shared.disk.remove(segment);
    }
    let name = shared.desk.next_name();
    shared.disk.rename(segment, &name)?;
    if let Some(needless) = shared.desk.put(Spare { file, name, capacity: shared.options.segment_bytes }) {
        discard(&*shared.disk, &needless.name);
    }
    Ok(())
}

/// Files that may become segments end in this. None survives an open.
pub(crate) const SPARE_SUFFIX: &str = ".spare";
const FILL_BYTES: usize = 1 << 20;
