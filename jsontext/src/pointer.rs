//! JSON pointers (RFC 6901) as rules write them. Following one is [`Value::pointer`](crate::Value::pointer)'s task.

/// A JSON pointer, taken apart once: `/userIdentity/arn`.
///
/// A missing leading `/` is forgiven (`eventName` means `/eventName`), as Falco's json plugin does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// Takes a pointer apart; the empty one names the whole document.
    pub fn new(pointer: &str) -> Self {
        if pointer.is_empty() {
            return Self(Vec::new());
        }
        let steps = pointer.strip_prefix('/').unwrap_or(pointer);
        Self(steps.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect())
    }

    /// Returns the unescaped steps, outermost first.
    pub fn steps(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_unescaped() {
        for (pointer, steps) in [
            ("", &[][..]),
            ("/", &[""]),
            ("/a/b", &["a", "b"]),
            ("a/b", &["a", "b"]),
            ("/a~1b/~0/~01/c*:d", &["a/b", "~", "~1", "c*:d"]),
            ("//x", &["", "x"]),
        ] {
            assert_eq!(Pointer::new(pointer).steps(), steps, "{pointer}");
        }
    }
}
