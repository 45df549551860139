//! Address blocks: which of them stand for the world.

use std::net::IpAddr;

/// Returns whether a block is so wide that it stands for the world: an IPv4 prefix shorter than 8, an IPv6 prefix
/// shorter than 16. An address is a block of its own, and IPv4 addresses mapped to IPv6 (`::ffff:0:0/96`) are what they
/// are in IPv4; what is no block gives `None`.
pub(super) fn is_wide(block: &str) -> Option<bool> {
    let (address, prefix) = match block.trim().split_once('/') {
        Some((address, prefix)) => (address, prefix.parse::<u8>().ok()?),
        None => (block.trim(), u8::MAX),
    };
    Some(match address.parse().ok()? {
        IpAddr::V4(_) => prefix < 8,
        IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => prefix < 96 + 8,
        IpAddr::V6(_) => prefix < 16,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_blocks_have_short_prefixes() {
        for (block, wide) in [
            ("0.0.0.0/0", Some(true)),
            ("128.0.0.0/1", Some(true)),
            ("10.0.0.0/7", Some(true)),
            ("10.0.0.0/8", Some(false)),
            ("203.0.113.7", Some(false)),
            ("203.0.113.7/32", Some(false)),
            ("::/0", Some(true)),
            ("2000::/3", Some(true)),
            ("2001::/16", Some(false)),
            ("::ffff:0:0/96", Some(true)),
            ("::ffff:0:0/90", Some(true)),
            ("::ffff:128.0.0.0/103", Some(true)),
            ("::ffff:10.0.0.0/104", Some(false)),
            ("::ffff:203.0.113.7", Some(false)),
            (" 0.0.0.0/0 ", Some(true)),
            ("0.0.0.0/", None),
            ("0.0.0.0/-1", None),
            ("0/0", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(is_wide(block), wide, "{block}");
        }
    }
}
