//! A queue between two threads that is bounded by bytes.
//!
//! The channels of the standard library count items; log text must be bounded by its size, whatever the size of its
//! pieces. Either side can close the queue, and no one waits on a closed one for long.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// An item's size, as it counts against the bound.
pub trait Weight {
    /// Returns the size in bytes.
    fn weight(&self) -> usize;
}

/// The queue. It always takes one item, however large, so that nothing can be too large to pass.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    weight: usize,
    closed: bool,
    /// How many threads wait for a change: to wake nobody costs a system call too.
    waiting: usize,
}

/// What [`Queue::pop`] gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Popped<T> {
    /// The oldest item.
    Item(T),
    /// Nothing came in time.
    Nothing,
    /// The queue is closed and empty.
    Closed,
}

impl<T: Weight> Queue<T> {
    /// Makes a queue for `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        let state = State { items: VecDeque::new(), weight: 0, closed: false, waiting: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new(), capacity }
    }

    /// Adds an item when there is room for it; gives it back when the queue is closed.
    pub fn push(&self, item: T) -> Result<(), T> {
        let weight = item.weight();
        let mut state = self.lock();
        while !state.closed && state.weight > 0 && state.weight + weight > self.capacity {
            state = self.wait(state, None);
        }
        if state.closed {
            return Err(item);
        }
        state.weight += weight;
        state.items.push_back(item);
        self.wake(&state);
        Ok(())
    }

    /// Takes the oldest item, and waits for one up to `wait`, or as long as it takes.
    pub fn pop(&self, wait: Option<Duration>) -> Popped<T> {
        let deadline = wait.map(|wait| Instant::now() + wait);
        let mut state = self.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                state.weight -= item.weight();
                self.wake(&state);
                return Popped::Item(item);
            }
            if state.closed {
                return Popped::Closed;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Popped::Nothing;
            }
            state = self.wait(state, left);
        }
    }

    /// Returns the size of what is inside, in bytes.
    pub fn weight(&self) -> usize {
        self.lock().weight
    }

    /// Takes no more items; those inside can still be taken.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.wake(&state);
    }

    /// Closes the queue and drops what is inside.
    pub fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.items.clear();
        state.weight = 0;
        self.wake(&state);
    }

    /// Waits for a change, up to `left`.
    fn wait<'a>(&'a self, mut state: MutexGuard<'a, State<T>>, left: Option<Duration>) -> MutexGuard<'a, State<T>> {
        state.waiting += 1;
        let mut state = match left {
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
        };
        state.waiting -= 1;
        state
    }

    fn wake(&self, state: &State<T>) {
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// Whoever panicked with the lock held left the state whole: no call changes it in two steps that could part.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const LONG: Duration = Duration::from_secs(60);

    impl Weight for &str {
        fn weight(&self) -> usize {
            self.len()
        }
    }

    #[test]
    fn items_come_in_order_and_then_the_end() {
        let queue = Queue::new(10);
        queue.push("a").unwrap();
        queue.push("b").unwrap();
        queue.close();
        assert_eq!(queue.push("c"), Err("c"));
        assert_eq!(queue.pop(Some(LONG)), Popped::Item("a"));
        assert_eq!(queue.pop(Some(LONG)), Popped::Item("b"));
        assert_eq!(queue.pop(Some(LONG)), Popped::Closed);
    }

    #[test]
    fn an_empty_queue_gives_nothing_in_time() {
        assert_eq!(Queue::<&str>::new(1).pop(Some(Duration::ZERO)), Popped::Nothing);
    }

    #[test]
    fn a_full_queue_waits_for_room_and_takes_a_large_item_alone() {
        let queue = Queue::new(3);
        thread::scope(|scope| {
            let pusher = scope.spawn(|| ["ab", "cd", "larger than all"].map(|item| queue.push(item)));
            for expected in ["ab", "cd", "larger than all"] {
                assert_eq!(queue.pop(Some(LONG)), Popped::Item(expected));
                assert!(queue.weight() <= 3 || queue.lock().items.len() == 1);
            }
            assert_eq!(pusher.join().unwrap(), [Ok(()); 3]);
            assert_eq!(queue.weight(), 0);
        });
    }

    #[test]
    fn abandoning_frees_who_waits() {
        let queue = Queue::new(1);
        queue.push("x").unwrap();
        thread::scope(|scope| {
            let pusher = scope.spawn(|| queue.push("y"));
            queue.abandon();
            assert_eq!(pusher.join().unwrap(), Err("y"));
        });
        assert_eq!(queue.pop(Some(LONG)), Popped::Closed);
    }
}
