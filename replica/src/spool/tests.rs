use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use net::service::Pending;
use types::reply::{Finished, Reply};
use types::time::UnixMs;

use super::*;
use crate::machine::ThisMachine;

/// Seconds since some beginning.
#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Time {
        Time::at(Duration::from_secs(self.0.load(Ordering::Relaxed)))
    }

    fn unix(&self) -> UnixMs {
        UnixMs(0)
    }
}

/// A disk that is full behind so many bytes of a file.
struct Small(usize);

impl Machine for Small {
    fn log(
        &self,
        _: &Path,
        _: pegasus_log::options::Options,
        _: &mut dyn FnMut(pegasus_log::record::Record),
    ) -> Result<pegasus_log::log::Log, pegasus_log::error::OpenError> {
        unreachable!("no log")
    }

    fn pool(&self, name: &str, threads: usize, queue: usize) -> io::Result<Pool> {
        ThisMachine.pool(name, threads, queue)
    }

    fn spool(&self, _: &Path) -> io::Result<Box<dyn SpoolFile>> {
        Ok(Box::new(SmallFile(self.0, Vec::new())))
    }
}

struct SmallFile(usize, Vec<u8>);

impl SpoolFile for SmallFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.1.len() + bytes.len() > self.0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.1.extend_from_slice(bytes);
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.1.truncate(len as usize);
        Ok(())
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let from = self.1.get(offset as usize..offset as usize + bytes.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(from);
        Ok(())
    }
}

struct World {
    clock: Arc<Hand>,
    spools: Arc<Spools>,
    pool: Pool,
    _dir: tempfile::TempDir,
}

type Told = Arc<Mutex<Option<Result<u64, &'static str>>>>;

impl World {
    fn new(bytes_max: u64, machine: Arc<dyn Machine>) -> World {
        let (clock, dir) = (Arc::new(Hand::default()), tempfile::tempdir().unwrap());
        let spools = Arc::new(Spools::new(dir.path().join("spool"), bytes_max, 3, clock.clone(), machine));
        World { clock, spools, pool: Pool::new("test", 1, 8).unwrap(), _dir: dir }
    }

    /// A reply that holds ten bytes.
    fn reply(&self) -> (Reply, Stop, Told) {
        let (stop, begun) = (Stop::default(), Told::default());
        let told = Arc::clone(&begun);
        let writer = self.spools.writer(stop.clone(), move |begun| *told.lock() = Some(begun));
        (Reply::spooled(10, Box::new(writer)), stop, begun)
    }

    fn piece(&self, reply: u64, offset: u64, bytes_max: u32) -> Pending<ControlResponse> {
        self.spools.piece(&self.pool, reply, offset, bytes_max)
    }
}

fn wait(pending: Pending<ControlResponse>) -> ControlResponse {
    match pending {
        Pending::Ready(answer) => answer.unwrap().unwrap(),
        Pending::Waiting(receiver) => receiver.blocking_recv().unwrap().unwrap(),
    }
}

fn is_waiting(pending: &mut Pending<ControlResponse>) -> bool {
    let Pending::Waiting(receiver) = pending else { return false };
    receiver.try_recv().is_err()
}

fn text(response: ControlResponse) -> String {
    match response {
        ControlResponse::ReplyPiece { bytes, .. } => String::from_utf8(bytes.to_vec()).unwrap(),
        ControlResponse::Refused(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_long_reply_is_what_was_written_whatever_the_pieces() {
    let world = World::new(1 << 20, Arc::new(ThisMachine));
    let (mut reply, _, begun) = world.reply();
    let mut expected = Vec::new();
    for part in 0..40u8 {
        let start = reply.len();
        assert_eq!(begun.lock().is_some(), part > 0, "it begins with the first byte too many");
        let bytes = [b'a' + part % 26; 17];
        reply.extend_from_slice(&bytes);
        if part % 3 == 0 {
            reply.insert(start, b"<header>");
            expected.extend_from_slice(b"<header>");
        }
        expected.extend_from_slice(&bytes);
    }
    reply.insert(0, b"<outer>");
    expected.splice(0..0, *b"<outer>");
    let gone = reply.len();
    reply.extend_from_slice(&[b'!'; 50]);
    reply.truncate(gone);
    let number = begun.lock().unwrap().unwrap();
    let mut early = world.piece(number, 5, 9);
    assert!(is_waiting(&mut early), "it is being made");
    assert!(matches!(reply.finish(), Finished::Spooled));
    let Pending::Waiting(receiver) = early else { panic!("it had to wait") };
    assert_eq!(text(receiver.blocking_recv().unwrap().unwrap()).as_bytes(), &expected[5..14]);
    for size in [1, 3, 8, 100, 10_000] {
        let mut got = Vec::new();
        while got.len() < expected.len() {
            let ControlResponse::ReplyPiece { bytes, total } = wait(world.piece(number, got.len() as u64, size)) else {
                panic!("no piece")
            };
            assert_eq!(total, expected.len() as u64);
            assert!(!bytes.is_empty() && bytes.len() <= size as usize);
            got.extend_from_slice(&bytes);
        }
        assert_eq!(String::from_utf8(got), String::from_utf8(expected.clone()), "pieces of {size}");
    }
    assert!(matches!(wait(world.piece(number, expected.len() as u64 + 1, 9)), ControlResponse::Refused(_)));
    world.spools.end(&world.pool, number);
    assert_eq!(world.spools.usage(), (0, 0));
    assert_eq!(text(wait(world.piece(number, 0, 9))), FORGOTTEN);
}

#[test]
fn a_short_reply_touches_nothing() {
    let world = World::new(0, Arc::new(Small(0)));
    let (mut reply, _, begun) = world.reply();
    reply.extend_from_slice(b"0123456789");
    assert!(matches!(reply.finish(), Finished::Held(held) if held == b"0123456789"));
    assert!(begun.lock().is_none());
}

#[test]
fn all_long_replies_together_have_a_bound() {
    let world = World::new(100, Arc::new(ThisMachine));
    let (mut one, _, first) = world.reply();
    one.extend_from_slice(&[b'1'; 60]);
    assert!(matches!(one.finish(), Finished::Spooled));
    let (mut two, stop, second) = world.reply();
    two.extend_from_slice(&[b'2'; 30]);
    let second = second.lock().unwrap().unwrap();
    let early = world.piece(second, 0, 9);
    assert!(!stop.is_set());
    two.extend_from_slice(&[b'2'; 30]);
    assert!(stop.is_set(), "there is no use in going on");
    assert_eq!(text(wait(early)), TOO_LONG);
    drop(two.finish());
    assert_eq!(text(wait(world.piece(second, 0, 9))), TOO_LONG);
    assert_eq!(world.spools.usage().0, 60, "what failed has given back its room");
    world.spools.end(&world.pool, first.lock().unwrap().unwrap());
    let (mut three, ..) = world.reply();
    three.extend_from_slice(&[b'3'; 100]);
    assert!(matches!(three.finish(), Finished::Spooled));
    assert_eq!(world.spools.usage().0, 100);
}

#[test]
fn their_number_has_a_bound() {
    let world = World::new(1 << 30, Arc::new(Small(100)));
    for _ in 0..REPLIES_MAX {
        let (mut reply, ..) = world.reply();
        reply.extend_from_slice(&[b'1'; 11]);
        assert!(matches!(reply.finish(), Finished::Spooled));
    }
    let (mut reply, stop, begun) = world.reply();
    reply.extend_from_slice(&[b'1'; 11]);
    assert_eq!((*begun.lock(), stop.is_set()), (Some(Err(TOO_MANY)), true));
}

#[test]
fn a_full_disk_is_an_error_reply_and_gives_back_its_room() {
    let world = World::new(1 << 20, Arc::new(Small(50)));
    let (mut reply, stop, begun) = world.reply();
    for _ in 0..100 {
        reply.extend_from_slice(b"0123456789");
    }
    drop(reply.finish());
    assert!(stop.is_set());
    let number = begun.lock().unwrap().unwrap();
    assert_eq!(text(wait(world.piece(number, 0, 9))), NO_ROOM);
    assert_eq!(world.spools.usage(), (0, 1));
}

#[test]
fn what_nobody_asks_for_is_forgotten_and_what_somebody_touches_is_not() {
    let world = World::new(1 << 20, Arc::new(ThisMachine));
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let (mut reply, _, begun) = world.reply();
        reply.extend_from_slice(&[b'1'; 60]);
        assert!(matches!(reply.finish(), Finished::Spooled));
        numbers.push(begun.lock().unwrap().unwrap());
    }
    let (mut making, stop, _) = world.reply();
    making.extend_from_slice(&[b'1'; 60]);
    for second in (0..IDLE_MAX.as_secs() + 2).step_by(15) {
        world.clock.0.store(second, Ordering::Relaxed);
        assert_eq!(wait(world.piece(numbers[1], 0, 0)), ControlResponse::ReplyPiece { bytes: Bytes::new(), total: 0 });
        world.spools.expire();
    }
    world.clock.0.store(IDLE_MAX.as_secs() + 1, Ordering::Relaxed);
    world.spools.expire();
    assert_eq!(text(wait(world.piece(numbers[0], 0, 9))), FORGOTTEN);
    assert_eq!(text(wait(world.piece(numbers[1], 0, 3))), "111");
    assert!(stop.is_set(), "its evaluation hears of it");
    making.extend_from_slice(&[b'1'; 60]);
    drop(making.finish());
    assert_eq!(world.spools.usage(), (60, 1));
}

#[test]
fn an_evaluation_that_breaks_off_is_told_to_who_waits() {
    let world = World::new(1 << 20, Arc::new(ThisMachine));
    let (mut reply, _, begun) = world.reply();
    reply.extend_from_slice(&[b'1'; 60]);
    let early = world.piece(begun.lock().unwrap().unwrap(), 0, 9);
    drop(reply);
    assert_eq!(text(wait(early)), BROKEN_OFF);
    assert_eq!(world.spools.usage().0, 0);
}

#[test]
fn a_node_that_closes_keeps_no_replies_and_takes_none() {
    let world = World::new(1 << 20, Arc::new(ThisMachine));
    let (mut reply, stop, begun) = world.reply();
    reply.extend_from_slice(&[b'1'; 60]);
    let early = world.piece(begun.lock().unwrap().unwrap(), 0, 9);
    world.spools.close();
    assert!(stop.is_set());
    let Pending::Waiting(receiver) = early else { panic!("it had to wait") };
    assert!(receiver.blocking_recv().is_err(), "nobody will answer");
    let (mut late, _, begun) = world.reply();
    late.extend_from_slice(&[b'1'; 60]);
    assert_eq!(*begun.lock(), Some(Err(BROKEN_OFF)));
}
