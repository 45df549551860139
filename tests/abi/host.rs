//! A stand-in for Falco: loads the shared object and calls it as Falco's libraries do, in their order and with their
//! checks. Every call is held to what those libraries take for granted; what it gives is left to the tests.

use super::event::Event;
use super::request::Request;
use super::source::Source;
use crate::oracle::Expect;
use falco_plugin::api::{
    ss_instance_t, ss_plugin_event, ss_plugin_event_input, ss_plugin_extract_field,
    ss_plugin_extract_field__bindgen_ty_1 as Answers, ss_plugin_extract_value_offsets, ss_plugin_field_extract_input,
    ss_plugin_init_input, ss_plugin_metric, ss_plugin_metric_type_SS_PLUGIN_METRIC_TYPE_MONOTONIC as MONOTONIC,
    ss_plugin_metric_value_type_SS_PLUGIN_METRIC_VALUE_TYPE_D as DOUBLE,
    ss_plugin_metric_value_type_SS_PLUGIN_METRIC_VALUE_TYPE_U64 as U64, ss_plugin_owner_t, ss_plugin_rc,
    ss_plugin_set_config_input, ss_plugin_t, ss_plugin_table_reader_vtable, ss_plugin_table_reader_vtable_ext,
};
use libloading::os::unix::{Library as Mapped, RTLD_LOCAL, RTLD_NOW};
use serde_json::Value;
use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::rc::Rc;
use std::sync::Mutex;
use std::thread::{self, ThreadId};
use std::{fs, ptr, slice};
use tempfile::TempDir;

pub const SUCCESS: ss_plugin_rc = 0;
pub const FAILURE: ss_plugin_rc = 1;

macro_rules! api {
    ($($name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The plugin's functions.
        pub struct Api { $(pub $name: unsafe extern "C-unwind" fn($($argument),*) $(-> $result)?,)* }

        impl Api {
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            fn of(library: &Mapped) -> Self {
                // SAFETY: the plugin API says what each symbol is.
                Self { $($name: *unsafe { library.get(concat!("plugin_", stringify!($name)).as_bytes()) }.unwrap(),)* }
            }
        }
    };
}

api! {
    get_required_api_version() -> *const c_char;
    get_name() -> *const c_char;
    get_version() -> *const c_char;
    get_description() -> *const c_char;
    get_contact() -> *const c_char;
    get_init_schema(*mut u32) -> *const c_char;
    init(*const ss_plugin_init_input, *mut ss_plugin_rc) -> *mut ss_plugin_t;
    destroy(*mut ss_plugin_t);
    get_last_error(*mut ss_plugin_t) -> *const c_char;
    set_config(*mut ss_plugin_t, *const ss_plugin_set_config_input) -> ss_plugin_rc;
    get_metrics(*mut ss_plugin_t, *mut u32) -> *mut ss_plugin_metric;
    get_id() -> u32;
    get_event_source() -> *const c_char;
    list_open_params(*mut ss_plugin_t, *mut ss_plugin_rc) -> *const c_char;
    open(*mut ss_plugin_t, *const c_char, *mut ss_plugin_rc) -> *mut ss_instance_t;
    close(*mut ss_plugin_t, *mut ss_instance_t);
    next_batch(*mut ss_plugin_t, *mut ss_instance_t, *mut u32, *mut *mut *mut ss_plugin_event) -> ss_plugin_rc;
    get_progress(*mut ss_plugin_t, *mut ss_instance_t, *mut u32) -> *const c_char;
    event_to_string(*mut ss_plugin_t, *const ss_plugin_event_input) -> *const c_char;
    get_fields() -> *const c_char;
    get_extract_event_sources() -> *const c_char;
    get_extract_event_types(*mut u32, *mut ss_plugin_t) -> *mut u16;
    extract_fields(*mut ss_plugin_t, *const ss_plugin_event_input, *const ss_plugin_field_extract_input) -> ss_plugin_rc;
}

/// Copies a C string, which must be there and be UTF-8.
pub fn text(text: *const c_char) -> String {
    assert!(!text.is_null(), "null in place of a text");
    // SAFETY: the plugin API promises a C string.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned()
}

/// The shared object, mapped from a copy of its own, so that its statics are no other test's.
pub struct Library {
    pub api: Api,
    mapped: Mapped,
    _folder: TempDir,
}

impl Library {
    pub fn load() -> Rc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("libcloudtrail.so");
        fs::copy(crate::engine::library(), &copy).unwrap();
        // SAFETY: the library runs no code of consequence when it is mapped.
        let mapped = unsafe { Mapped::open(Some(copy), RTLD_NOW | RTLD_LOCAL) }.unwrap();
        Rc::new(Self { api: Api::of(&mapped), mapped, _folder: folder })
    }

    pub fn exports(&self, name: &str) -> bool {
        // SAFETY: the symbol is looked up and not used.
        unsafe { self.mapped.get::<*const c_void>(format!("plugin_{name}").as_bytes()) }.is_ok()
    }

    /// Makes a plugin, or gives the text of its last error.
    pub fn init(self: &Rc<Self>, config: &str) -> Result<Plugin, String> {
        // Never freed: the SDK logs to the plugin that was made last, also when that one is gone.
        self.init_with(config, Box::leak(Box::default()))
    }

    /// The same, with a log that others may write to as well.
    pub fn init_with(self: &Rc<Self>, config: &str, log: &'static Log) -> Result<Plugin, String> {
        let config = CString::new(if config.is_empty() { "{}" } else { config }).unwrap();
        let input = ss_plugin_init_input {
            config: config.as_ptr(),
            owner: ptr::from_ref(log).cast_mut().cast(),
            get_owner_last_error: Some(no_owner_error),
            tables: ptr::null(),
            log_fn: Some(write_line),
        };
        let mut rc = FAILURE;
        // SAFETY: the input is whole.
        let state = unsafe { (self.api.init)(&input, &mut rc) };
        assert!(!state.is_null(), "no state to ask for the error");
        // SAFETY: a C string that lives as long as the library.
        let fields = serde_json::from_str(&text(unsafe { (self.api.get_fields)() })).unwrap();
        let plugin = Plugin { library: Rc::clone(self), state, log, fields };
        if rc == SUCCESS { Ok(plugin) } else { Err(plugin.last_error()) }
    }
}

/// A line of the plugin's, without what the SDK puts before it.
#[derive(Clone, Debug)]
pub struct Line {
    pub level: u32,
    pub text: String,
    pub thread: ThreadId,
}

/// A metric as Falco reads it.
#[derive(Clone, Debug)]
pub struct Metric {
    pub name: String,
    pub is_counter: bool,
    pub value: f64,
}

impl Metric {
    fn of(raw: &ss_plugin_metric) -> Self {
        let is_counter = raw.type_ == MONOTONIC;
        // SAFETY: the member that the type names.
        let value = unsafe {
            match raw.value_type {
                U64 => raw.value.u64_ as f64,
                DOUBLE => raw.value.d,
                other => panic!("a metric with values of type {other}"),
            }
        };
        Self { name: text(raw.name), is_counter, value }
    }
}

/// The lines of plugins, of whatever thread.
pub type Log = Mutex<Vec<Line>>;

unsafe extern "C-unwind" fn no_owner_error(_: *mut ss_plugin_owner_t) -> *const c_char {
    ptr::null()
}

unsafe extern "C-unwind" fn write_line(owner: *mut ss_plugin_owner_t, _: *const c_char, line: *const c_char, sev: u32) {
    // SAFETY: `init` gives a log that lives for good.
    let log: &Log = unsafe { &*owner.cast_const().cast() };
    let line = text(line);
    let (_, text) = line.split_once("] ").unwrap();
    log.lock().unwrap().push(Line { level: sev, text: text.to_owned(), thread: thread::current().id() });
}

/// A plugin that was made, destroyed at the end.
pub struct Plugin {
    pub library: Rc<Library>,
    pub state: *mut ss_plugin_t,
    log: &'static Log,
    fields: Vec<Value>,
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // SAFETY: every source borrows the plugin, so all are closed.
        unsafe { (self.library.api.destroy)(self.state) }
    }
}

impl Plugin {
    /// Makes a plugin with the defaults, from a library of its own.
    pub fn new() -> Self {
        Library::load().init("").unwrap()
    }

    pub fn last_error(&self) -> String {
        // SAFETY: the state is alive.
        text(unsafe { (self.library.api.get_last_error)(self.state) })
    }

    /// The lines that users see: those of the levels from `info` up.
    pub fn lines(&self) -> Vec<Line> {
        self.log.lock().unwrap().iter().filter(|line| line.level <= 6).cloned().collect()
    }

    pub fn metrics(&self) -> Vec<Metric> {
        let mut count = 0;
        // SAFETY: the array that the plugin API promises.
        let metrics = unsafe {
            let metrics = (self.library.api.get_metrics)(self.state, &mut count);
            slice::from_raw_parts(metrics, count as usize)
        };
        metrics.iter().map(Metric::of).collect()
    }

    /// The value of a metric, `None` when it is not given.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics().into_iter().find(|metric| metric.name == name).map(|metric| metric.value)
    }

    /// Opens a path.
    pub fn open(&self, path: &Path) -> Source<'_> {
        self.try_open(path.to_str().unwrap().as_bytes()).unwrap()
    }

    /// Opens a source, or gives the text of the last error.
    pub fn try_open(&self, params: &[u8]) -> Result<Source<'_>, String> {
        let (params, mut rc) = (CString::new(params).unwrap(), FAILURE);
        // SAFETY: the state is alive.
        let instance = unsafe { (self.library.api.open)(self.state, params.as_ptr(), &mut rc) };
        assert_eq!(instance.is_null(), rc != SUCCESS, "an instance exactly when it is open");
        let source = Source::new(self, instance);
        // An engine that cannot open a source closes what it has got, null.
        if rc == SUCCESS { Ok(source) } else { Err(self.last_error()) }
    }

    /// Makes a request for a field as a rule writes it: `ct.name`, `ec2.imageids[0]`, `ct.value[/eventName]`.
    pub fn request(&self, field: &str) -> Request {
        Request::new(&self.fields, field)
    }

    /// Answers requests for an event in one call.
    pub fn extract(&self, number: u64, event: &Event, requests: &mut [Request]) -> ss_plugin_rc {
        self.extract_at(number, event, requests, ptr::null_mut())
    }

    /// Answers requests and tells where in the event the values are written, if it tells it.
    pub fn places(&self, number: u64, event: &Event, requests: &mut [Request]) -> Option<Vec<(u32, u32)>> {
        let mut offsets = ss_plugin_extract_value_offsets { start: ptr::null_mut(), length: ptr::null_mut() };
        assert_eq!(self.extract_at(number, event, requests, &mut offsets), SUCCESS);
        assert_eq!(offsets.start.is_null(), offsets.length.is_null());
        // SAFETY: the plugin API promises one number for every request in both arrays.
        let at = |i| unsafe { (*offsets.start.add(i), *offsets.length.add(i)) };
        (!offsets.start.is_null()).then(|| (0..requests.len()).map(at).collect())
    }

    fn extract_at(
        &self,
        number: u64,
        event: &Event,
        requests: &mut [Request],
        offsets: *mut ss_plugin_extract_value_offsets,
    ) -> ss_plugin_rc {
        // Falco leaves the places of the answers as they are.
        let unset = Answers { str_: ptr::dangling_mut() };
        let fields = requests.iter().map(|request| ss_plugin_extract_field { res: unset, res_len: 99, ..request.raw });
        let mut fields: Vec<_> = fields.collect();
        let reader = ss_plugin_table_reader_vtable {
            get_table_name: None,
            get_table_size: None,
            get_table_entry: None,
            read_entry_field: None,
        };
        let mut reader_ext = ss_plugin_table_reader_vtable_ext {
            get_table_name: None,
            get_table_size: None,
            get_table_entry: None,
            read_entry_field: None,
            release_table_entry: None,
            iterate_entries: None,
        };
        let input = ss_plugin_field_extract_input {
            owner: ptr::from_ref(self.log).cast_mut().cast(),
            get_owner_last_error: Some(no_owner_error),
            num_fields: fields.len() as u32,
            fields: fields.as_mut_ptr(),
            table_reader: reader,
            table_reader_ext: &mut reader_ext,
            value_offsets: offsets,
        };
        // SAFETY: the input is whole.
        let rc = unsafe { (self.library.api.extract_fields)(self.state, &event.input(number), &input) };
        requests.iter_mut().zip(fields).for_each(|(request, field)| request.raw = field);
        rc
    }

    /// Answers one request, as Falco does. `evt.plugininfo` is the engine's own field and asks for the event's text.
    pub fn value(&self, number: u64, event: &Event, field: &str) -> Expect {
        if field == "evt.plugininfo" {
            return Some(self.line(number, event)).filter(|line| !line.is_empty()).map_or(Expect::Absent, Expect::Text);
        }
        let mut requests = [self.request(field)];
        assert_eq!(self.extract(number, event, &mut requests), SUCCESS, "{field}");
        requests[0].value()
    }

    pub fn line(&self, number: u64, event: &Event) -> String {
        // SAFETY: the state is alive, the input is whole.
        text(unsafe { (self.library.api.event_to_string)(self.state, &event.input(number)) })
    }
}
