//! Requests for fields, made and read as libsinsp makes and reads them.

use super::host::text;
use crate::oracle::Expect;
use falco_plugin::api::{
    ss_plugin_byte_buffer, ss_plugin_extract_field, ss_plugin_extract_field__bindgen_ty_1 as Answers,
};
use serde_json::Value;
use std::ffi::CString;
use std::net::IpAddr;
use std::{ptr, slice};

/// A request for a field and, after the call, its answer.
pub struct Request {
    pub raw: ss_plugin_extract_field,
    _name: CString,
    _key: Option<CString>,
}

impl Request {
    /// Reads a field as a rule writes it, with the fields that the plugin declares.
    pub fn new(fields: &[Value], field: &str) -> Self {
        let (name, argument) = field.split_once('[').unwrap_or((field, ""));
        let argument = argument.strip_suffix(']');
        let id = fields.iter().position(|info| info["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        let info = &fields[id];
        let key = argument.filter(|_| info["arg"]["isKey"] == true).map(|key| CString::new(key).unwrap());
        let index = argument.filter(|_| key.is_none()).map_or(0, |index| index.parse().unwrap());
        let name = CString::new(name).unwrap();
        let raw = ss_plugin_extract_field {
            res: Answers { str_: ptr::null_mut() },
            res_len: 0,
            field_id: id as u32,
            field: name.as_ptr(),
            arg_key: key.as_ref().map_or(ptr::null(), |key| key.as_ptr()),
            arg_index: index,
            arg_present: argument.is_some().into(),
            ftype: match info["type"].as_str().unwrap() {
                "uint64" => 8,
                "string" => 9,
                "ipaddr" => 40,
                "ipnet" => 41,
                other => panic!("{other}"),
            },
            flist: (info["isList"] == true).into(),
        };
        Self { raw, _name: name, _key: key }
    }

    /// Reads the answer where it stands, in the plugin's memory.
    pub fn value(&self) -> Expect {
        let count = self.raw.res_len as usize;
        if count == 0 {
            return Expect::Absent;
        }
        assert!(count == 1 || self.raw.flist != 0, "{count} values");
        // SAFETY: the array of the field's type that the plugin API promises.
        unsafe {
            match self.raw.ftype {
                8 => Expect::U64(*self.raw.res.u64_),
                9 => {
                    let values = slice::from_raw_parts(self.raw.res.str_, count).iter();
                    let mut values: Vec<_> = values.map(|value| text(*value)).collect();
                    if self.raw.flist == 0 { Expect::Text(values.remove(0)) } else { Expect::List(values) }
                }
                _ => {
                    let ss_plugin_byte_buffer { len, ptr } = *self.raw.res.buf;
                    let bytes = slice::from_raw_parts(ptr.cast::<u8>(), len as usize);
                    let v4 = || <[u8; 4]>::try_from(bytes).map(IpAddr::from);
                    let v6 = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
                    Expect::Text(v4().or_else(|_| v6()).unwrap().to_string())
                }
            }
        }
    }
}
