//! An open source, driven as libscap drives it.

use super::event::Event;
use super::host::{Plugin, SUCCESS, text};
use falco_plugin::api::{ss_instance_t, ss_plugin_event, ss_plugin_rc};
use std::{ptr, slice};

const TIMEOUT: ss_plugin_rc = -1;
const EOF: ss_plugin_rc = 2;

/// An open source, closed at the end.
pub struct Source<'a> {
    plugin: &'a Plugin,
    pub instance: *mut ss_instance_t,
    nevts: u32,
    evts: *mut *mut ss_plugin_event,
    fresh: bool,
}

/// What a batch call gives. A failure ends Falco, so here it ends the test.
#[derive(Debug)]
pub enum Answer {
    Events(Vec<Event>),
    Timeout,
    End,
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        // SAFETY: the state is alive; the instance is, or is null.
        unsafe { (self.plugin.library.api.close)(self.plugin.state, self.instance) }
    }
}

impl<'a> Source<'a> {
    /// Wraps an instance, or the null that stands for one that could not be opened.
    pub fn new(plugin: &'a Plugin, instance: *mut ss_instance_t) -> Self {
        Self { plugin, instance, nevts: 0, evts: ptr::null_mut(), fresh: true }
    }

    /// Asks for the next batch. As in libscap, count and array of the last one are still there when it is called.
    pub fn next(&mut self) -> Answer {
        let Self { plugin, instance, nevts, evts, .. } = self;
        // SAFETY: the state and the instance are alive.
        let rc = unsafe { (plugin.library.api.next_batch)(plugin.state, *instance, nevts, evts) };
        let fresh = std::mem::replace(&mut self.fresh, false);
        assert_eq!(self.nevts > 0, rc == SUCCESS, "events exactly with success, not {} with {rc}", self.nevts);
        match rc {
            SUCCESS => {
                // SAFETY: the array that the plugin API promises.
                let events = unsafe { slice::from_raw_parts(self.evts, self.nevts as usize) };
                Answer::Events(events.iter().map(|event| Event::copied(*event)).collect())
            }
            TIMEOUT => Answer::Timeout,
            EOF => {
                assert!(!fresh, "the first answer is the end");
                Answer::End
            }
            _ => panic!("{rc}: {}", self.plugin.last_error()),
        }
    }

    /// Reads to the end.
    pub fn events(&mut self) -> Vec<Event> {
        let mut all = Vec::new();
        loop {
            match self.next() {
                Answer::Events(events) => all.extend(events),
                Answer::Timeout => {}
                Answer::End => return all,
            }
        }
    }

    /// The progress in hundredths of a per cent, and its text.
    pub fn progress(&self) -> (u32, String) {
        let mut share = 0;
        // SAFETY: the state and the instance are alive.
        let detail = unsafe { (self.plugin.library.api.get_progress)(self.plugin.state, self.instance, &mut share) };
        (share, text(detail))
    }
}
