//! Which parameters do questions share? One table, which is both what is read and
//! what the OpenAPI document says.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Type};

use super::params::FIELD;

/// A parameter that several routes have: its name, and what it says.
type Shared = (&'static str, &'static str);

/// Which events.
const WHICH: [Shared; 9] = [
    ("type", "Comma separated patterns: `deploy.*,error,!deploy.test`"),
    ("severity", "`warn` (that or worse) or `warn..error`"),
    ("member", "Comma separated patterns"),
    ("source", "Comma separated patterns"),
    ("subject", "Comma separated patterns"),
    (FIELD, "`field.<name>=<text>`; a dotted name looks into objects"),
    (
        "q",
        "`disk \"no space\" (type:deploy.* OR severity>=warn) -test fields.took>5 /re/`: see the documentation of the HTTP API",
    ),
    ("qmode", "`strict`: a `q` that does not parse is an error, with its column"),
    ("grep", "A regular expression over the message"),
];

/// From when to when.
const SPAN: [Shared; 2] = [
    ("since", "From this time on; 24 h before now by default; `all` is whatever is kept"),
    ("until", "Up to this time, excluded"),
];

/// The parameters that say which events.
pub(super) struct Which;

/// The parameters that say from when to when.
pub(super) struct Span;

impl IntoParams for Which {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        described(&WHICH)
    }
}

impl IntoParams for Span {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        described(&SPAN)
    }
}

fn described(shared: &[Shared]) -> Vec<Parameter> {
    let text = |(name, description): &Shared| {
        ParameterBuilder::new()
            .name(*name)
            .parameter_in(ParameterIn::Query)
            .description(Some(*description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .build()
    };
    shared.iter().map(text).collect()
}

/// The names of a question that says which events, and of its `own` parameters.
pub(super) fn with_which(own: &[&'static str]) -> Vec<&'static str> {
    WHICH.iter().map(|(name, _)| *name).chain(own.iter().copied()).collect()
}

/// The names of a question that says which events from when to when, and of its
/// `own` parameters.
pub(super) fn with_which_and_span(own: &[&'static str]) -> Vec<&'static str> {
    let shared = WHICH.iter().chain(&SPAN).map(|(name, _)| *name);
    shared.chain(own.iter().copied()).collect()
}
