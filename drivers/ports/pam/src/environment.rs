/// Empties the environment: PAM modules read variables, and none is meant for them.
///
/// Call it first: nothing else may run in the process yet.
pub fn clear_environment() {
    for (name, _) in std::env::vars_os() {
        // SAFETY: `main` calls this before it starts anything, so no other thread reads the
        // environment meanwhile.
        #[allow(unsafe_code)]
        unsafe {
            std::env::remove_var(name);
        }
    }
}
