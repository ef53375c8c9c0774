//! A Varlink client that others wrote (PyPI's `varlink`) against signetd: see `tests/`. What this
//! project's own client and server agree on by mistake is found here.
