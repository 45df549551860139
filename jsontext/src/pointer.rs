//! JSON pointers (RFC 6901) as rules write them. Following one is [`Value::pointer`](crate::Value::pointer)'s task.

/// A JSON pointer, taken apart once: `/userIdentity/arn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// Takes a pointer apart; the empty one names the whole document. Gives `None` for what RFC 6901 does not allow:
    /// no leading `/`, a `~` that is not `~0` or `~1`.
    pub fn new(pointer: &str) -> Option<Self> {
        if pointer.is_empty() {
            return Some(Self(Vec::new()));
        }
        pointer.strip_prefix('/')?.split('/').map(unescape).collect::<Option<_>>().map(Self)
    }

    /// Returns the unescaped steps, outermost first.
    pub fn steps(&self) -> &[String] {
        &self.0
    }
}

fn unescape(step: &str) -> Option<String> {
    let mut parts = step.split('~');
    let mut unescaped = parts.next()?.to_owned();
    for part in parts {
        let char = if part.starts_with('1') { '/' } else { '~' };
        unescaped.push(char);
        unescaped.push_str(part.strip_prefix(['0', '1'])?);
    }
    Some(unescaped)
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
            ("/a~1b/~0/~01/c*:d", &["a/b", "~", "~1", "c*:d"]),
            ("//x", &["", "x"]),
        ] {
            assert_eq!(Pointer::new(pointer).unwrap().steps(), steps, "{pointer}");
        }
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for pointer in ["a/b", "/a~", "/~2", "/~~0", " /a"] {
            assert_eq!(Pointer::new(pointer), None, "{pointer}");
        }
    }
}
