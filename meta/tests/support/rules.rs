//! What must hold of the records after every request, whatever it was, seen by someone who also knows which processes really live.

use std::collections::{BTreeMap, BTreeSet};

use meta::cluster::{Cluster as Records, Group, Seat};
use pacifica::message::Change;
use types::id::{Ballot, PartitionId};
use wire::rpc::{Assignment, ChangeRequest, ControlRequest, ControlResponse};

use super::Cluster;

#[derive(Default)]
pub struct Rules {
    /// The groups as they were recorded after the last request.
    pub groups: BTreeMap<PartitionId, Group>,
    /// Every group that ever was.
    pub issued: BTreeMap<(PartitionId, Ballot), Group>,
    /// Groups that go on with what is there.
    forced: BTreeSet<PartitionId>,
}

impl Rules {
    /// Has the core carry out a request, and looks at what it did.
    pub fn ask(&mut self, c: &mut Cluster, request: ControlRequest) -> ControlResponse {
        let learning = is_learning(c, &request);
        let handled = c.core.handle(c.now, request.clone());
        let heard = |answer: &ControlResponse| match answer {
            ControlResponse::Refused(why) => why.contains("meta store"),
            answer => *answer == ControlResponse::Done,
        };
        if let ControlRequest::Force { partition, .. } = &request
            && heard(&handled.answer)
        {
            self.forced.insert(*partition);
        }
        self.look(c, &request, learning);
        let answer: &[Assignment] = match &handled.answer {
            ControlResponse::Assignments(assignments) => assignments,
            ControlResponse::Group { assignment, .. } => std::slice::from_ref(assignment),
            _ => &[],
        };
        for told in answer.iter().chain(handled.pushes.iter().flat_map(|push| &push.assignments)) {
            let issued = self.issued.get(&(told.partition, told.config.ballot)).map(Group::config);
            assert_eq!(issued.as_ref(), Some(&told.config), "somebody was told what is not recorded");
        }
        handled.answer
    }

    fn look(&mut self, c: &mut Cluster, request: &ControlRequest, learning: bool) {
        // A store that is down does not change; what it took before it failed is seen afterwards.
        let Ok(recorded) = Records::load(&c.store) else { return };
        assert_eq!(c.ask(ControlRequest::Ping), ControlResponse::Done, "the store is well");
        assert_eq!(format!("{:?}", c.core.cluster()), format!("{recorded:?}"), "after {request:?}");
        for (id, group) in recorded.groups() {
            let before = self.groups.insert(id, group.clone());
            if before.as_ref() == Some(group) {
                continue;
            }
            well_formed(group);
            assert!(self.issued.insert((id, group.ballot), group.clone()).is_none(), "{id}: {} was issued twice", group.ballot);
            let Some(before) = before else { continue };
            assert_eq!(group.ballot, before.ballot.next());
            match request {
                ControlRequest::Change(change) if change.partition == id => asked(c, &before, group, change, learning),
                _ => self.decided(c, id, &before, group),
            }
        }
    }

    /// Nobody asked: the group was nobody's.
    fn decided(&mut self, c: &Cluster, id: PartitionId, before: &Group, group: &Group) {
        let copy = |seat: &Seat| c.nodes[seat.node.name()].copies.get(&id);
        let well = |seat: &Seat| copy(seat).is_some_and(|copy| !copy.failed);
        if before.primary.is_some() {
            assert_eq!((&group.primary, &group.members), (&None, &before.members), "{id} is sealed");
            // Who is killed and not there again is silent: it might live.
            let lives = before.members.iter().find(|seat| is_latest(c, seat) && well(seat));
            assert!(self.forced.contains(&id) || lives.is_none(), "{id} was taken from {lives:?}");
            return;
        }
        assert!(group.primary.is_some());
        // Or it lost its copy since it reported.
        let sealed = |seat: &Seat| copy(seat).is_none_or(|copy| copy.failed || copy.ballot >= before.ballot);
        assert!(group.members.iter().all(sealed), "{id}: what a member holds is not final: {group:?}");
        let left_out = before.members.iter().find(|seat| group.seat(&seat.node).is_none() && well(seat));
        assert!(self.forced.remove(&id) || left_out.is_none(), "{id} went on without {left_out:?}");
    }
}

/// A member asked: it may, and what it asked for was done, and nothing else.
fn asked(c: &Cluster, before: &Group, group: &Group, request: &ChangeRequest, learning: bool) {
    assert_eq!(before.ballot, request.ballot, "compare and swap");
    let asker = before.seat(&request.node).expect("a member asks");
    assert_eq!(asker.incarnation, request.incarnation, "the process with the place asks");
    let (leads, comes, goes) = match &request.change {
        Change::TakeOver => (&request.node, None, before.primary.as_ref()),
        Change::Remove(node) => (&request.node, None, Some(node)),
        Change::Add { node, life } => (&request.node, Some(Seat { node: node.clone(), incarnation: *life }), None),
        Change::HandOver(to) => (to, None, None),
    };
    assert_eq!(before.primary.as_ref() == Some(&request.node), request.change != Change::TakeOver, "{request:?}");
    assert_eq!(group.primary.as_ref(), Some(leads), "{request:?}");
    for seat in before.members.iter().filter(|seat| !group.members.contains(seat)) {
        assert!(Some(&seat.node) == goes || !is_latest(c, seat), "{request:?}: {seat:?} lost its place");
    }
    let came = group.members.iter().find(|seat| !before.members.contains(seat));
    assert_eq!(came, comes.as_ref(), "{request:?}");
    let wanted = c.core.cluster().table(request.partition.table).expect("a table").replicas as usize;
    assert!(comes.is_none() || learning || group.members.len() <= wanted, "{group:?} has too many members");
}

fn well_formed(group: &Group) {
    let nodes: BTreeSet<_> = group.members.iter().map(|seat| &seat.node).collect();
    assert!(!nodes.is_empty() && nodes.len() == group.members.len(), "{group:?}: one seat a node");
    assert!(group.primary.as_ref().is_none_or(|primary| nodes.contains(primary)), "{group:?}: the primary is a member");
}

/// Whether no other process of the node has begun since.
fn is_latest(c: &Cluster, seat: &Seat) -> bool {
    c.nodes[seat.node.name()].incarnation == seat.incarnation
}

/// Whether the request is to add a node that the meta server wants to learn.
fn is_learning(c: &mut Cluster, request: &ControlRequest) -> bool {
    let ControlRequest::Change(ChangeRequest { partition, change: Change::Add { node, .. }, .. }) = request else { return false };
    let ControlResponse::Cluster(view) = c.ask(ControlRequest::Cluster) else { return false };
    let word = format!("{node} is learning");
    view.partitions.iter().any(|view| view.partition == *partition && view.waits.contains(&word))
}
