//! A Varlink client that others wrote (the Python package `varlink`) against signetd: see `tests/`. What this
//! project's own client and server agree on by mistake is found here.
