//! The plugin as an engine has it: the release library, called through the plugin API with next to nothing around the
//! calls, so that what is measured is the plugin. It owns all `unsafe` of the benches; what is asked and what figures
//! mean is left to them, an engine's checks to the tests' stand-in for Falco.
#![allow(dead_code, reason = "every bench uses a part of it")]

use anyhow::{Context, Result, bail, ensure};
use falco_plugin::api::{
    ss_instance_t, ss_plugin_byte_buffer, ss_plugin_event, ss_plugin_event_input, ss_plugin_extract_field,
    ss_plugin_extract_field__bindgen_ty_1 as Answers, ss_plugin_field_extract_input, ss_plugin_init_input,
    ss_plugin_owner_t, ss_plugin_rc, ss_plugin_t, ss_plugin_table_reader_vtable as Tables,
    ss_plugin_table_reader_vtable_ext as TablesExt,
};
use libloading::os::unix::{Library as Mapped, RTLD_LOCAL, RTLD_NOW};
use serde_json::Value;
use std::ffi::{CStr, CString, c_char};
use std::path::PathBuf;
use std::{ptr, slice};

const SUCCESS: ss_plugin_rc = 0;
const TIMEOUT: ss_plugin_rc = -1;
const EOF: ss_plugin_rc = 2;

macro_rules! api {
    ($($name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        struct Api { $($name: unsafe extern "C-unwind" fn($($argument),*) $(-> $result)?,)* }

        impl Api {
            fn of(library: &Mapped) -> Result<Self> {
                // SAFETY: the plugin API says what each symbol is.
                Ok(Self { $($name: *unsafe { library.get(concat!("plugin_", stringify!($name)).as_bytes()) }?,)* })
            }
        }
    };
}

api! {
    init(*const ss_plugin_init_input, *mut ss_plugin_rc) -> *mut ss_plugin_t;
    destroy(*mut ss_plugin_t);
    get_last_error(*mut ss_plugin_t) -> *const c_char;
    get_fields() -> *const c_char;
    extract_fields(*mut ss_plugin_t, *const ss_plugin_event_input, *const ss_plugin_field_extract_input) -> ss_plugin_rc;
    open(*mut ss_plugin_t, *const c_char, *mut ss_plugin_rc) -> *mut ss_instance_t;
    next_batch(*mut ss_plugin_t, *mut ss_instance_t, *mut u32, *mut *mut *mut ss_plugin_event) -> ss_plugin_rc;
    close(*mut ss_plugin_t, *mut ss_instance_t);
}

unsafe extern "C-unwind" fn no_owner_error(_: *mut ss_plugin_owner_t) -> *const c_char {
    ptr::null()
}

/// Returns where the release library is, whatever profile the bench is built with.
pub fn release() -> Result<PathBuf> {
    let bench = std::env::current_exe()?;
    let library = bench.ancestors().nth(3).context("this bench has no folder")?.join("release/libcloudtrail.so");
    ensure!(library.is_file(), "no plugin at {}: cargo build --locked --release", library.display());
    Ok(library)
}

/// A plugin that has been made, destroyed at the end.
pub struct Plugin {
    api: Api,
    state: *mut ss_plugin_t,
    fields: Vec<Value>,
    // Last, so that nothing is called that is no longer mapped.
    _library: Mapped,
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // SAFETY: every source borrows the plugin, so all are closed.
        unsafe { (self.api.destroy)(self.state) }
    }
}

impl Plugin {
    /// Maps the library at [`release`] and makes a plugin of it. `config` is its `init_config` in JSON, such as `{}`.
    pub fn load(config: &str) -> Result<Self> {
        // SAFETY: the library runs no code of consequence when it is mapped.
        let library = unsafe { Mapped::open(Some(release()?), RTLD_NOW | RTLD_LOCAL) }?;
        let (api, config, mut rc) = (Api::of(&library)?, CString::new(config)?, EOF);
        let input = ss_plugin_init_input {
            config: config.as_ptr(),
            owner: ptr::null_mut(),
            get_owner_last_error: Some(no_owner_error),
            tables: ptr::null(),
            log_fn: None,
        };
        // SAFETY: the input is whole; the list of fields is a C string that lives as long as the library.
        let (state, fields) = unsafe { ((api.init)(&input, &mut rc), CStr::from_ptr((api.get_fields)())) };
        let fields = serde_json::from_slice(fields.to_bytes());
        let plugin = Self { api, state, fields: fields?, _library: library };
        if rc == SUCCESS { Ok(plugin) } else { Err(plugin.last_error()) }
    }

    fn last_error(&self) -> anyhow::Error {
        // SAFETY: the state is alive and gives a C string, which is copied before anything else is asked.
        let text = unsafe { CStr::from_ptr((self.api.get_last_error)(self.state)) }.to_string_lossy().into_owned();
        anyhow::Error::msg(text)
    }

    /// Makes a request for a field as a rule writes it: `ct.name`, `ec2.imageids[0]`, `ct.value[/eventName]`.
    pub fn request(&self, field: &str) -> Result<Request> {
        let (name, argument) = field.split_once('[').unwrap_or((field, ""));
        let argument = argument.strip_suffix(']');
        let id = self.fields.iter().position(|info| info["name"] == name).with_context(|| format!("no {name}"))?;
        let info = &self.fields[id];
        let key = argument.filter(|_| info["arg"]["isKey"] == true).map(CString::new).transpose()?;
        let name = CString::new(name)?;
        let raw = ss_plugin_extract_field {
            res: Answers { str_: ptr::null_mut() },
            res_len: 0,
            field_id: id.try_into()?,
            field: name.as_ptr(),
            arg_key: key.as_ref().map_or(ptr::null(), |key| key.as_ptr()),
            arg_index: argument.filter(|_| key.is_none()).map_or(Ok(0), str::parse)?,
            arg_present: argument.is_some().into(),
            ftype: match info["type"].as_str() {
                Some("uint64") => 8,
                Some("string") => 9,
                Some("ipaddr") => 40,
                Some("ipnet") => 41,
                other => bail!("{field} has the type {other:?}"),
            },
            flist: (info["isList"] == true).into(),
        };
        Ok(Request { raw, _name: name, _key: key })
    }

    /// Asks for a field of an event, one request in one call, and returns how many values there are. The engine's
    /// `number` tells events apart: another one than in the last call makes the event a new one.
    #[inline]
    pub fn call(&self, request: &mut Request, event: &Event, number: u64) -> u64 {
        let evt = event.0.as_ptr().cast_mut().cast();
        let event = ss_plugin_event_input { evt, evtnum: number, evtsrc: c"aws_cloudtrail".as_ptr() };
        let mut tables_ext = TablesExt {
            get_table_name: None,
            get_table_size: None,
            get_table_entry: None,
            read_entry_field: None,
            release_table_entry: None,
            iterate_entries: None,
        };
        let input = ss_plugin_field_extract_input {
            owner: ptr::null_mut(),
            get_owner_last_error: Some(no_owner_error),
            num_fields: 1,
            fields: &mut request.raw,
            table_reader: Tables {
                get_table_name: None,
                get_table_size: None,
                get_table_entry: None,
                read_entry_field: None,
            },
            table_reader_ext: &mut tables_ext,
            value_offsets: ptr::null_mut(),
        };
        // SAFETY: the state is alive; the inputs are whole and outlive the call.
        unsafe { (self.api.extract_fields)(self.state, &event, &input) };
        request.raw.res_len
    }

    /// Asks as [`call`](Self::call) does and copies the answer: the bytes of every value, one value after the other.
    pub fn read(&self, request: &mut Request, event: &Event, number: u64) -> Vec<u8> {
        let count = self.call(request, event, number);
        let one = |i| {
            // SAFETY: the answer is an array of `count` values of the field's type, valid until the next call.
            unsafe {
                match request.raw.ftype {
                    8 => (*request.raw.res.u64_.add(i)).to_ne_bytes().to_vec(),
                    9 => CStr::from_ptr(*request.raw.res.str_.add(i)).to_bytes().to_vec(),
                    _ => {
                        let ss_plugin_byte_buffer { len, ptr } = *request.raw.res.buf.add(i);
                        slice::from_raw_parts(ptr.cast::<u8>(), len as usize).to_vec()
                    }
                }
            }
        };
        (0..count as usize).flat_map(one).collect()
    }

    /// Opens what `params` name, such as the path of a log.
    pub fn open(&self, params: &str) -> Result<Source<'_>> {
        let (params, mut rc) = (CString::new(params)?, EOF);
        // SAFETY: the state is alive.
        let instance = unsafe { (self.api.open)(self.state, params.as_ptr(), &mut rc) };
        if rc == SUCCESS { Ok(Source { plugin: self, instance }) } else { Err(self.last_error()) }
    }
}

/// A request for a field, and after a call its answer.
pub struct Request {
    raw: ss_plugin_extract_field,
    _name: CString,
    _key: Option<CString>,
}

/// An event in libscap's form: time, thread, length, type, parameters (2, their lengths, plugin ID, payload).
pub struct Event(Vec<u8>);

impl Event {
    /// Makes the event of a record, whose time is `time_ns` after the Unix epoch.
    pub fn new(record: &[u8], time_ns: u64) -> Self {
        let mut bytes = [time_ns.to_ne_bytes(), u64::MAX.to_ne_bytes()].concat();
        bytes.extend((38 + record.len() as u32).to_ne_bytes());
        bytes.extend(322u16.to_ne_bytes());
        bytes.extend([2, 4, record.len() as u32, 2].map(u32::to_ne_bytes).as_flattened());
        bytes.extend(record);
        Self(bytes)
    }
}

/// An open source, closed at the end.
pub struct Source<'a> {
    plugin: &'a Plugin,
    instance: *mut ss_instance_t,
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        // SAFETY: the state and the instance are alive.
        unsafe { (self.plugin.api.close)(self.plugin.state, self.instance) }
    }
}

impl Source<'_> {
    /// Takes the next batch and returns how many events it has: 0 when none came in time, `None` at the end.
    pub fn next_batch(&mut self) -> Result<Option<u32>> {
        let (mut count, mut events) = (0, ptr::null_mut());
        // SAFETY: the state and the instance are alive.
        match unsafe { (self.plugin.api.next_batch)(self.plugin.state, self.instance, &mut count, &mut events) } {
            SUCCESS | TIMEOUT => Ok(Some(count)),
            EOF => Ok(None),
            _ => Err(self.plugin.last_error()),
        }
    }

    /// Reads to the end and returns how many events came.
    pub fn drain(&mut self) -> Result<u64> {
        let mut all = 0;
        while let Some(count) = self.next_batch()? {
            all += u64::from(count);
        }
        Ok(all)
    }
}
