//! Tests of the codec, the caller table, the wire types and the client over real sockets.

mod callers;
mod codec;
mod connection;
mod messages;
