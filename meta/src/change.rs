//! A member asks for a change of its group.
//!
//! The ballot it names is what is compared; the group it gets as answer, whatever became of its request, is what is. A no is said only for what holds under
//! this ballot for good: who may ask is fixed by the ballot. (`Add` is the exception: whether a node may be added can change. Its asker knows.)

use pacifica::message::Change;
use types::id::NodeId;
use wire::rpc::ChangeRequest;

use crate::cluster::{Group, Seat};
use crate::nodes::Nodes;

/// What a request makes of the group it is about, which is at the ballot it names, should have `wanted` members, and is being learned by who
/// `is_candidate`.
///
/// # Errors
/// Why it may not be, in words.
pub(crate) fn apply(
    group: &Group,
    request: &ChangeRequest,
    nodes: &Nodes,
    wanted: usize,
    is_candidate: impl Fn(&NodeId) -> bool,
) -> Result<Group, String> {
    let ChangeRequest { node: asker, incarnation, change, .. } = request;
    // Whose process is over can act under no ballot: it would only be waited for.
    let over = |seat: &Seat| nodes.over(seat);
    match group.seat(asker) {
        None => return Err(format!("{asker} is no member")),
        Some(seat) if seat.incarnation != *incarnation => return Err(format!("the place of {asker} was given to another life of it")),
        Some(seat) if over(seat) => return Err(format!("{asker} is another process by now")),
        Some(_) => {}
    }
    let leads = group.primary.as_ref() == Some(asker);
    let mut members = group.members.clone();
    let primary = match change {
        Change::TakeOver if leads => return Err(format!("{asker} is the primary")),
        Change::TakeOver => {
            let Some(primary) = &group.primary else { return Err("the group has no primary".to_owned()) };
            members.retain(|seat| seat.node != *primary);
            asker
        }
        _ if !leads => return Err(format!("{asker} is not the primary")),
        Change::Remove(node) if node == asker => return Err("a primary does not remove itself".to_owned()),
        Change::Remove(node) => {
            members.retain(|seat| seat.node != *node);
            asker
        }
        Change::Add { node, .. } if group.seat(node).is_some() => return Err(format!("{node} is a member")),
        Change::Add { node, life } => {
            if members.len() >= wanted && !is_candidate(node) {
                return Err(format!("{node} is not needed any more"));
            }
            if nodes.seen(node).is_none_or(|seen| seen.incarnation != *life) {
                return Err(format!("{node} is another process by now"));
            }
            members.push(Seat { node: node.clone(), incarnation: *life });
            asker
        }
        Change::HandOver(to) if group.seat(to).is_none() => return Err(format!("{to} is no member")),
        Change::HandOver(to) => to,
    };
    if members.iter().any(|seat| seat.node == *primary && over(seat)) {
        return Err(format!("{primary} is another process by now"));
    }
    members.retain(|seat| !over(seat));
    lead_first(&mut members, primary);
    Ok(Group { ballot: group.ballot.next(), primary: Some(primary.clone()), members, forced: group.forced })
}

/// The order of members is that in which they should lead.
fn lead_first(members: &mut [Seat], primary: &NodeId) {
    members.sort_by_key(|seat| seat.node != *primary);
}
