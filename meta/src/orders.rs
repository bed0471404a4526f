//! What an administrator asks for. A wish about a group is carried out by its members, who are asked for it; here it is only noted.

use placement::elect::{self, Decision, Force, Obstacle};
use placement::guardian::Order;
use tracing::{info, warn};
use types::id::{NodeId, PartitionId};
use types::time::Time;
use wire::rpc::ControlResponse;

use crate::cluster::{Change, NodeInfo, Settings};
use crate::core::{Core, Handled, Refused};

impl Core {
    pub(crate) fn order(&mut self, now: Time, id: PartitionId, order: Order) -> Result<Handled, Refused> {
        let group = self.cluster.group(id).ok_or_else(|| Refused(format!("there is no partition {id}")))?;
        let (Order::Lead(node) | Order::Add(node) | Order::Remove(node)) = &order;
        let info = self.cluster.node(node).map(|stored| &stored.value).ok_or_else(|| Refused(format!("there is no node {node}")))?;
        let done = match &order {
            Order::Lead(node) | Order::Add(node) if !self.nodes.alive(now, node) => return Err(Refused(format!("{node} does not report"))),
            Order::Lead(_) if info.draining => return Err(Refused(format!("{node} is drained: it is to lead nothing"))),
            Order::Lead(node) => group.primary.as_ref() == Some(node),
            Order::Add(node) => group.seat(node).is_some(),
            Order::Remove(node) if group.seat(node).is_some() && group.members.len() == 1 => {
                return Err(Refused(format!("{node} is the only member")));
            }
            Order::Remove(node) => group.seat(node).is_none(),
        };
        if done {
            self.care.drop_order(id);
            return Ok(Handled { answer: ControlResponse::Done, pushes: self.guard(now) });
        }
        info!(partition = %id, ?order, "an administrator asks");
        self.care.ask(now, id, order);
        Ok(Handled { answer: ControlResponse::Done, pushes: self.guard(now) })
    }

    pub(crate) fn drain(&mut self, now: Time, node: &NodeId, on: bool) -> Result<Handled, Refused> {
        let info = self.cluster.node(node).map(|stored| stored.value.clone()).ok_or_else(|| Refused(format!("there is no node {node}")))?;
        if info.draining != on {
            info!(%node, on, "an administrator drains");
            self.commit(vec![Change::Node(node.clone(), NodeInfo { draining: on, ..info })])?;
        }
        Ok(Handled { answer: ControlResponse::Done, pushes: self.guard(now) })
    }

    pub(crate) fn freeze(&mut self, now: Time, on: bool) -> Result<Handled, Refused> {
        if self.cluster.settings().frozen != on {
            info!(on, "an administrator freezes");
            self.commit(vec![Change::Settings(Settings { frozen: on })])?;
        }
        Ok(Handled { answer: ControlResponse::Done, pushes: self.guard(now) })
    }

    pub(crate) fn force(&mut self, now: Time, id: PartitionId, from: Option<NodeId>) -> Result<Handled, Refused> {
        let group = self.cluster.group(id).ok_or_else(|| Refused(format!("there is no partition {id}")))?;
        let members = self.members(now, id, group);
        if let Some(node) = &from {
            match members.iter().find(|member| member.node == *node) {
                None => return Err(Refused(format!("{node} is no member of {id}"))),
                Some(member) if !member.alive => return Err(Refused(format!("{node} does not report"))),
                Some(member) if member.copy.is_none_or(|copy| copy.failed) => {
                    return Err(Refused(format!("{node} has no copy that is well")));
                }
                Some(_) => {}
            }
        }
        match elect::decide(group.ballot, group.primary.as_ref(), &members, None) {
            Decision::Keep => return Err(Refused(format!("a member of {id} lives: the group helps itself"))),
            Decision::Wait(waits) if waits.iter().any(|obstacle| matches!(obstacle, Obstacle::Ahead { .. })) => {
                return Err(Refused(format!("that would not help: {}", waits[0])));
            }
            Decision::Wait(waits) => {
                let waits: Vec<String> = waits.iter().map(ToString::to_string).collect();
                warn!(partition = %id, ballot = %group.ballot, ?from, ?waits, "an administrator has the group go on with what is there: WRITES MAY BE LOST");
                self.forced.insert(id, (Force { from }, now));
            }
            // It waits for nothing: there is no need to force anything.
            Decision::Seal | Decision::Appoint(..) => {}
        }
        let changed = self.elect(now, &[id])?;
        Ok(Handled { answer: ControlResponse::Done, pushes: self.pushes(&changed, None) })
    }
}
