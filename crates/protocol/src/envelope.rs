use std::{fmt, io};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::{
    Call, Invocation, Refusal,
    codec::{Frame, MAX_MESSAGE},
    wire::service,
};

/// A message that does not fit, or is no message of Varlink.
#[derive(Debug, thiserror::Error)]
#[error("not a Varlink message: {0}")]
pub struct EnvelopeError(serde_json::Error);

/// A buffer that never grows, so that no unwiped copy of a secret is left behind.
struct Bounded(Frame);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // One byte is kept for the NUL.
        if self.0.len() + bytes.len() > MAX_MESSAGE {
            return Err(io::Error::other("the message is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a message with its NUL.
fn encode(message: &impl Serialize) -> Result<Frame, EnvelopeError> {
    let mut buffer = Bounded(Zeroizing::new(Vec::with_capacity(MAX_MESSAGE + 1)));
    serde_json::to_writer(&mut buffer, message).map_err(EnvelopeError)?;
    buffer.0.push(0);
    Ok(buffer.0)
}

/// Encodes the call of a method with its NUL; `more` is set where the method streams.
pub fn encode_call<C: Call>(call: &C) -> Result<Frame, EnvelopeError> {
    #[derive(Serialize)]
    struct Outgoing<'a, C> {
        method: &'static str,
        parameters: &'a C,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        more: bool,
    }
    encode(&Outgoing { method: C::METHOD.name(), parameters: call, more: C::METHOD.streams() })
}

/// Encodes a reply with its NUL; `continues` says that more replies follow.
pub fn encode_reply(parameters: &impl Serialize, continues: bool) -> Result<Frame, EnvelopeError> {
    #[derive(Serialize)]
    struct Outgoing<'a, P> {
        parameters: &'a P,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        continues: bool,
    }
    encode(&Outgoing { parameters, continues })
}

/// Encodes an error reply with its NUL.
pub fn encode_error(refusal: &Refusal) -> Result<Frame, EnvelopeError> {
    encode(refusal)
}

/// The part of a call that says which method is called with what. It can be read from any object
/// with `method` and `parameters`, so a Varlink library can use it as its type of calls; what is
/// wrong with the call is kept as the error that answers it.
#[derive(Debug, PartialEq, Eq)]
pub struct Incoming(pub Result<Invocation, service::Error>);

impl<'de> Deserialize<'de> for Incoming {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RequestVisitor).map(|request| Self(request.invocation))
    }
}

/// A call as the server reads it.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The call, or the error that answers it.
    pub invocation: Result<Invocation, service::Error>,
    /// Whether a stream of replies is taken.
    pub more: bool,
    /// Whether no reply is wanted.
    pub oneway: bool,
}

impl Request {
    /// Reads a message; an error means that the peer does not speak Varlink.
    pub fn parse(message: &[u8]) -> Result<Self, EnvelopeError> {
        serde_json::from_slice(message).map_err(EnvelopeError)
    }
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RequestVisitor)
    }
}

struct RequestVisitor;

impl<'de> Visitor<'de> for RequestVisitor {
    type Value = Request;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with 'method' and 'parameters'")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Request, A::Error> {
        let (mut method, mut parameters, mut more, mut oneway) = (None::<String>, None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "method" => once(&mut method, map.next_value()?, "method")?,
                "parameters" => {
                    let value: Option<Parameters> = map.next_value()?;
                    once(&mut parameters, value.unwrap_or_default().0, "parameters")?;
                }
                "more" => once(&mut more, map.next_value()?, "more")?,
                "oneway" => once(&mut oneway, map.next_value()?, "oneway")?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let method = method.ok_or_else(|| de::Error::missing_field("method"))?;
        Ok(Request {
            invocation: Invocation::parse(&method, parameters.unwrap_or_default()),
            more: more.unwrap_or_default(),
            oneway: oneway.unwrap_or_default(),
        })
    }
}

/// Parameters, none of them given twice.
#[derive(Default)]
struct Parameters(Map<String, Value>);

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ParametersVisitor)
    }
}

struct ParametersVisitor;

impl<'de> Visitor<'de> for ParametersVisitor {
    type Value = Parameters;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the parameters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parameters, A::Error> {
        let mut parameters = Map::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if parameters.insert(name, value).is_some() {
                return Err(de::Error::custom("a parameter is given twice"));
            }
        }
        Ok(Parameters(parameters))
    }
}

/// Keeps a member; a second one of the same name is refused, since two readers of the message
/// could each believe another one.
fn once<T, E: de::Error>(slot: &mut Option<T>, value: T, name: &'static str) -> Result<(), E> {
    if slot.replace(value).is_some() { Err(E::duplicate_field(name)) } else { Ok(()) }
}

/// A reply as the client reads it.
#[derive(Debug, PartialEq, Eq)]
pub struct ReplyLine {
    /// The parameters, or the error.
    pub result: Result<Map<String, Value>, Refusal>,
    /// Whether more replies follow.
    pub continues: bool,
}

impl ReplyLine {
    /// Reads a message; an error means that the peer does not speak Varlink.
    pub fn parse(message: &[u8]) -> Result<Self, EnvelopeError> {
        #[derive(Deserialize)]
        struct Line {
            #[serde(default)]
            parameters: Option<Map<String, Value>>,
            #[serde(default)]
            error: Option<String>,
            #[serde(default)]
            continues: bool,
        }
        let line: Line = serde_json::from_slice(message).map_err(EnvelopeError)?;
        let parameters = line.parameters.unwrap_or_default();
        let result = match line.error {
            Some(error) => Err(Refusal::parse(&error, parameters)),
            None => Ok(parameters),
        };
        Ok(Self { result, continues: line.continues })
    }
}
