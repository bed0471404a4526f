//! Coordinates, lengths and units as arguments, and numbers as Redis shows them to people.

use resp::reply;
use types::reply::Sink;
use types::txn::Proto;

use crate::float;
use crate::geo::area::{Form, Shape};
use crate::geo::cell::is_on_map;
use crate::geo::place::Place;
use crate::program::{Program, Stop};
use crate::sorted_sets::add::NOT_A_FLOAT;

/// A longitude in argument `index` and the latitude behind it.
///
/// # Errors
/// Refuses what is not a number, and what is not on the map.
pub(super) fn place_at(p: &Program<'_>, index: usize) -> Result<Place, Stop> {
    let coordinate = |index: usize| number_at(p, index, NOT_A_FLOAT);
    let place = Place { longitude: coordinate(index)?, latitude: coordinate(index + 1)? };
    if is_on_map(place) {
        return Ok(place);
    }
    Err(Stop::Refused(format!("ERR invalid longitude,latitude pair {:.6},{:.6}", place.longitude, place.latitude).into()))
}

/// A radius in argument `index` and the unit behind it.
///
/// # Errors
/// Refuses what is not a number, negative numbers and unknown units, in this order.
pub(super) fn circle_at(p: &Program<'_>, index: usize) -> Result<Shape, Stop> {
    let radius = number_at(p, index, "ERR need numeric radius")?;
    if radius < 0.0 {
        return Err(Stop::refused("ERR radius cannot be negative"));
    }
    Ok(Shape { form: Form::Circle { radius }, unit: unit(p.args().at(index + 1))? })
}

/// A width in argument `index`, the height and the unit behind it.
///
/// # Errors
/// Refuses what is not a number, negative numbers and unknown units, in this order.
pub(super) fn box_at(p: &Program<'_>, index: usize) -> Result<Shape, Stop> {
    let width = number_at(p, index, "ERR need numeric width")?;
    let height = number_at(p, index + 1, "ERR need numeric height")?;
    if width < 0.0 || height < 0.0 {
        return Err(Stop::refused("ERR height or width cannot be negative"));
    }
    Ok(Shape { form: Form::Box { width, height }, unit: unit(p.args().at(index + 2))? })
}

/// How many meters a unit has.
///
/// # Errors
/// Refuses what is not a unit.
pub(super) fn unit(name: &[u8]) -> Result<f64, Stop> {
    let known = UNITS.iter().find(|(unit, _)| name.eq_ignore_ascii_case(unit.as_bytes()));
    known.map(|&(_, meters)| meters).ok_or(Stop::refused("ERR unsupported unit provided. please use M, KM, FT, MI"))
}

/// Replies a distance, with four digits behind the point: a bulk string in both protocols.
pub(super) fn show_distance(out: &mut impl Sink, distance: f64) {
    reply::bulk(out, format!("{distance:.4}").as_bytes());
}

/// Replies a longitude and a latitude.
pub(super) fn show_place(out: &mut impl Sink, proto: Proto, place: Place) {
    reply::array(out, 2);
    for coordinate in [place.longitude, place.latitude] {
        let text = coordinate_text(coordinate);
        match proto {
            Proto::Resp2 => reply::bulk(out, text.as_bytes()),
            Proto::Resp3 => {
                let out = out.buffer();
                out.push(b',');
                out.extend_from_slice(text.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
    }
}

/// With 17 digits behind the point, less the zeros at its end.
fn coordinate_text(coordinate: f64) -> String {
    let mut text = format!("{coordinate:.17}");
    text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    text
}

fn number_at(p: &Program<'_>, index: usize, refusal: &'static str) -> Result<f64, Stop> {
    float::parse(p.args().at(index)).ok_or(Stop::refused(refusal))
}

/// Units and their meters.
const UNITS: [(&str, f64); 4] = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
