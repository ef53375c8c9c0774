//! The real program against a scripted daemon on a real socket.

#[cfg(test)]
mod commands;
#[cfg(test)]
mod conversations;
#[cfg(test)]
mod support;
#[cfg(test)]
mod terminal;
